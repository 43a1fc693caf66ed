import proxyAddr from 'proxy-addr';
import { ConfigError, type VariableName } from './environment.js';

/** How much one caller may ask of this server. 0 switches a limit off. */
export interface LimitsConfig {
  readonly readPerMinute: number;
  readonly writePerMinute: number;
  readonly launchPerMinute: number;
  readonly loginPerMinute: number;
  /** Events, not requests. */
  readonly appendPerSecond: number;
  readonly failedAttemptsPerMinute: number;
  readonly streamsPerPrincipal: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** At a time, on this server. */
  readonly agents: number;
  readonly agentsPerWorkspace: number;
}

const MOST = 1_000_000_000;

/** @throws ConfigError */
export function limitsConfig(whole: (name: VariableName, least: number, most: number) => number): LimitsConfig {
  const limit = (name: VariableName) => whole(name, 0, MOST);
  return {
    readPerMinute: limit('MUSTER_LIMIT_READ_PER_MINUTE'),
    writePerMinute: limit('MUSTER_LIMIT_WRITE_PER_MINUTE'),
    launchPerMinute: limit('MUSTER_LIMIT_LAUNCH_PER_MINUTE'),
    loginPerMinute: limit('MUSTER_LIMIT_LOGIN_PER_MINUTE'),
    appendPerSecond: limit('MUSTER_LIMIT_APPEND_PER_SECOND'),
    failedAttemptsPerMinute: limit('MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE'),
    streamsPerPrincipal: limit('MUSTER_LIMIT_STREAMS_PER_PRINCIPAL'),
    connections: limit('MUSTER_MAX_CONNECTIONS'),
    connectionsPerAddress: limit('MUSTER_MAX_CONNECTIONS_PER_ADDRESS'),
    agents: limit('MUSTER_MAX_AGENTS'),
    agentsPerWorkspace: limit('MUSTER_MAX_AGENTS_PER_WORKSPACE'),
  };
}

/** @throws ConfigError where one is neither an address, nor a range, nor one of the words for ranges */
export function trustedProxies(list: readonly string[]): readonly string[] {
  for (const each of list) {
    try {
      proxyAddr.compile(each);
    } catch {
      throw new ConfigError(
        'MUSTER_TRUSTED_PROXIES',
        `${JSON.stringify(each)} is not an address`,
        'Write addresses, ranges as in 10.0.0.0/8, or loopback, linklocal, uniquelocal.',
      );
    }
  }
  return list;
}
