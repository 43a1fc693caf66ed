import { ConfigError, type VariableName } from './environment.js';

/** The systems whose contract is served below `/compat/<system>`. */
export const COMPAT_SYSTEMS = ['agent-orchestrator'] as const;
export type CompatSystem = (typeof COMPAT_SYSTEMS)[number];

/** How clients of other systems come in. */
export interface CompatConfig {
  /** The port at which a contract is served at its root as well; 0 picks a free one. */
  readonly ports: ReadonlyMap<CompatSystem, number>;
  /** Whom a caller of that port is taken for that brings no credentials and sits on this machine. */
  readonly trust: ReadonlyMap<CompatSystem, string>;
  /** From which pages browsers may call a contract, beside those that may call everything. */
  readonly origins: ReadonlyMap<CompatSystem, readonly string[]>;
}

interface Reading {
  readonly list: (name: VariableName) => readonly string[];
  readonly origin: (name: VariableName, value: string) => string;
  /** The port of the server itself. */
  readonly port: number;
}

/** People, programs and the admin; nobody who is made by the server or an identity provider. */
const TRUSTED = /^(admin|(user|service):[A-Za-z0-9._:@|/-]{1,110})$/;

/** @throws ConfigError */
export function compatConfig({ list, origin, port }: Reading): CompatConfig {
  const ports = new Map<CompatSystem, number>();
  for (const [system, value] of pairs('MUSTER_COMPAT_PORTS', list('MUSTER_COMPAT_PORTS'), ':')) {
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535)
      throw new ConfigError(
        'MUSTER_COMPAT_PORTS',
        `${JSON.stringify(value)} is not a port`,
        'Write <system>:<port>, with a port from 0 to 65535.',
      );
    assertFree(ports, system, Number(value), port);
    ports.set(system, Number(value));
  }
  const trust = new Map<CompatSystem, string>();
  for (const [system, value] of pairs('MUSTER_COMPAT_TRUST', list('MUSTER_COMPAT_TRUST'), '=')) {
    if (!TRUSTED.test(value))
      throw new ConfigError(
        'MUSTER_COMPAT_TRUST',
        `${JSON.stringify(value)} can't be trusted`,
        'Name admin, user:<name> or service:<name>.',
      );
    if (trust.has(system)) throw new ConfigError('MUSTER_COMPAT_TRUST', `${system} is named twice`, 'One principal a system.');
    if (!ports.has(system))
      throw new ConfigError(
        'MUSTER_COMPAT_TRUST',
        `${system} has no port of its own`,
        'Only callers of a port in MUSTER_COMPAT_PORTS are trusted: add it there.',
      );
    trust.set(system, value);
  }
  const origins = new Map<CompatSystem, readonly string[]>();
  for (const [system, value] of pairs('MUSTER_COMPAT_ORIGINS', list('MUSTER_COMPAT_ORIGINS'), '='))
    origins.set(system, [...(origins.get(system) ?? []), origin('MUSTER_COMPAT_ORIGINS', value)]);
  return { ports, trust, origins };
}

function assertFree(ports: ReadonlyMap<CompatSystem, number>, system: CompatSystem, wanted: number, own: number): void {
  if (ports.has(system)) throw new ConfigError('MUSTER_COMPAT_PORTS', `${system} is named twice`, 'One port a system.');
  if (wanted === 0) return;
  const holder = wanted === own ? 'MUSTER_PORT' : [...ports].find(([, each]) => each === wanted)?.[0];
  if (holder !== undefined)
    throw new ConfigError('MUSTER_COMPAT_PORTS', `${system}:${wanted} is the port of ${holder}`, 'Give every contract a port of its own.');
}

/** `<system><separator><value>` each. */
function pairs(variable: VariableName, entries: readonly string[], separator: string): (readonly [CompatSystem, string])[] {
  return entries.map((entry) => {
    const at = entry.indexOf(separator);
    const name = at < 0 ? entry : entry.slice(0, at);
    const system = COMPAT_SYSTEMS.find((each) => each === name);
    if (!system)
      throw new ConfigError(variable, `${JSON.stringify(name)} is not a known system`, `Known are: ${COMPAT_SYSTEMS.join(', ')}.`);
    if (at < 0) throw new ConfigError(variable, `${JSON.stringify(entry)} is not complete`, `Write ${system}${separator}<value>.`);
    return [system, entry.slice(at + 1)] as const;
  });
}
