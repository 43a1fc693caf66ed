import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { type CompatConfig, compatConfig } from './compat-config.js';
import { ConfigError, type Environment, readVariable, type VariableName } from './environment.js';
import { type LimitsConfig, limitsConfig, trustedProxies } from './limits-config.js';
import { isLoopback } from './loopback.js';
import { type OidcConfig, oidcConfig } from './oidc-config.js';
import { type RetentionConfig, retentionConfig } from './retention-config.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Settings of PostgreSQL on which rests that what is acknowledged stays. */
export const WEAK_SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit'] as const;
export type WeakSetting = (typeof WEAK_SETTINGS)[number];

interface PostgresOptions {
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  /** What may be off. */
  readonly allowWeak: readonly WeakSetting[];
}

export type DatabaseConfig =
  | { readonly kind: 'sqlite'; readonly file: string; readonly connectTimeoutMs: number }
  | ({ readonly kind: 'postgres'; readonly url: string } & PostgresOptions);

/** The validated configuration. A class, so that Nest can inject it by type. */
export class MusterConfig {
  readonly host: string;
  readonly port: number;
  /** As configured; absent means that it follows from host and port once the server listens. */
  readonly publicUrl: string | undefined;
  readonly dataDir: string;
  readonly database: DatabaseConfig;
  readonly workspaceRoots: readonly string[];
  /** Where sessions' worktrees are made; always an allowed root. */
  readonly worktreesDir: string;
  readonly agentsFile: string | undefined;
  readonly modesFile: string | undefined;
  /** Null: sessions never expire. */
  readonly sessionExpiresAfterMs: number | null;
  readonly agentEnvAllow: readonly string[];
  readonly agentStartTimeoutMs: number;
  readonly agentStopGraceMs: number;
  readonly agentsOnShutdown: 'keep' | 'stop';
  /** 0: none. */
  readonly agentIdleTimeoutMs: number;
  /** 0: none. */
  readonly turnTimeoutMs: number;
  /** How long a host without an agent waits for its spool to be taken. */
  readonly agentLingerMs: number;
  readonly corsOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
  readonly compat: CompatConfig;
  readonly auth: 'key' | 'off';
  readonly adminKey: string | undefined;
  /** Absent: tokens of an identity provider are no credentials. */
  readonly oidc: OidcConfig | undefined;
  /** Addresses and ranges, as `proxy-addr` takes them. */
  readonly trustedProxies: readonly string[];
  readonly limits: LimitsConfig;
  readonly retention: RetentionConfig;
  /** Null: questions wait for ever. */
  readonly approvalTimeoutMs: number | null;
  readonly logLevel: LogLevel;
  readonly shutdownGraceMs: number;
  /** What agents may inherit from the environment of the server: filled from the allow-list, nothing else passes. */
  readonly inheritedAgentEnv: Readonly<Record<string, string>>;

  constructor(environment: Environment) {
    const read = (name: VariableName) => readVariable(environment, name);
    const text = (name: VariableName) => read(name) ?? '';
    const list = (name: VariableName, separator: string) =>
      text(name)
        .split(separator)
        .map((each) => each.trim())
        .filter(Boolean);
    const oneOf = <T extends string>(name: VariableName, values: readonly T[], value = text(name)): T => {
      const found = values.find((each) => each === value);
      if (!found) throw new ConfigError(name, `${JSON.stringify(value)} is not known`, `Use one of: ${values.join(', ')}.`);
      return found;
    };
    const whole = (name: VariableName, least: number, most: number): number => {
      const value = text(name);
      if (!/^\d{1,10}$/.test(value) || Number(value) < least || Number(value) > most)
        throw new ConfigError(name, `${JSON.stringify(value)} is not a whole number from ${least} to ${most}`, 'Correct or remove it.');
      return Number(value);
    };

    this.host = text('MUSTER_HOST');
    this.port = whole('MUSTER_PORT', 0, 65_535);
    this.publicUrl = read('MUSTER_PUBLIC_URL') === undefined ? undefined : origin('MUSTER_PUBLIC_URL', text('MUSTER_PUBLIC_URL'));
    this.dataDir = resolve(text('MUSTER_DATA_DIR'));
    this.database = databaseConfig(read('MUSTER_DATABASE_URL'), this.dataDir, {
      poolSize: whole('MUSTER_DATABASE_POOL_SIZE', 2, 1_000),
      connectTimeoutMs: whole('MUSTER_DATABASE_CONNECT_TIMEOUT_MS', 0, 3_600_000),
      allowWeak: list('MUSTER_DATABASE_ALLOW_WEAK', ',').map((each) => oneOf('MUSTER_DATABASE_ALLOW_WEAK', WEAK_SETTINGS, each)),
    });
    this.workspaceRoots = list('MUSTER_WORKSPACE_ROOTS', ':').map((root) => {
      if (!root.startsWith('/'))
        throw new ConfigError('MUSTER_WORKSPACE_ROOTS', `${JSON.stringify(root)} is not an absolute path`, 'Write /path:/other/path.');
      return root;
    });
    this.worktreesDir = resolve(read('MUSTER_WORKTREES_DIR') ?? resolve(this.dataDir, 'worktrees'));
    this.agentsFile = read('MUSTER_AGENTS_FILE') && resolve(text('MUSTER_AGENTS_FILE'));
    this.modesFile = read('MUSTER_MODES_FILE') && resolve(text('MUSTER_MODES_FILE'));
    this.sessionExpiresAfterMs = duration('MUSTER_SESSION_EXPIRES_AFTER', read('MUSTER_SESSION_EXPIRES_AFTER'));
    this.agentEnvAllow = list('MUSTER_AGENT_ENV_ALLOW', ',');
    this.agentStartTimeoutMs = whole('MUSTER_AGENT_START_TIMEOUT_MS', 100, 3_600_000);
    this.agentStopGraceMs = whole('MUSTER_AGENT_STOP_GRACE_MS', 0, 600_000);
    this.agentsOnShutdown = oneOf('MUSTER_AGENTS_ON_SHUTDOWN', ['keep', 'stop']);
    this.agentIdleTimeoutMs = whole('MUSTER_AGENT_IDLE_TIMEOUT_MS', 0, 2_000_000_000);
    this.turnTimeoutMs = whole('MUSTER_TURN_TIMEOUT_MS', 0, 2_000_000_000);
    this.agentLingerMs = whole('MUSTER_AGENT_LINGER_MS', 1_000, 2_000_000_000);
    this.corsOrigins = list('MUSTER_CORS_ORIGINS', ',').map((each) => origin('MUSTER_CORS_ORIGINS', each));
    this.allowedHosts = list('MUSTER_ALLOWED_HOSTS', ',').map((each) => each.toLowerCase());
    this.compat = compatConfig({ list: (name) => list(name, ','), origin, port: this.port });
    this.auth = oneOf('MUSTER_AUTH', ['key', 'off']);
    if (this.auth === 'off' && !isLoopback(this.host))
      throw new ConfigError(
        'MUSTER_AUTH',
        `"off" with MUSTER_HOST=${this.host}`,
        'Without authentication only a loopback address is served.',
      );
    this.adminKey = read('MUSTER_ADMIN_KEY');
    if (this.adminKey !== undefined && this.adminKey.length < 32)
      throw new ConfigError('MUSTER_ADMIN_KEY', 'is shorter than 32 characters', 'Use a longer one: openssl rand -base64 36.');
    this.oidc = oidcConfig(read);
    this.trustedProxies = trustedProxies(list('MUSTER_TRUSTED_PROXIES', ','));
    this.limits = limitsConfig(whole);
    this.retention = retentionConfig(read, whole);
    this.approvalTimeoutMs = whole('MUSTER_APPROVAL_TIMEOUT_MS', 0, 9_999_999_999) || null;
    this.logLevel = oneOf('MUSTER_LOG_LEVEL', LOG_LEVELS);
    this.shutdownGraceMs = whole('MUSTER_SHUTDOWN_GRACE_MS', 0, 600_000);
    this.inheritedAgentEnv = pick(environment, [...AGENT_ENV, ...this.agentEnvAllow]);
  }

  /** Where work trees are noted as they were, while turns run. */
  get snapshotsDir(): string {
    return resolve(this.dataDir, 'snapshots');
  }

  /** Where the sample workspaces lie; always an allowed root. */
  get workspacesDir(): string {
    return resolve(this.dataDir, 'workspaces');
  }
}

/** What every agent gets of the server's environment: enough to find programs and speak a language, and no secret. */
const AGENT_ENV = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TERM'];

/** The environment of this process with the `.env` file of the working directory below it. */
export function processEnvironment(directory = process.cwd()): Environment {
  const file = resolve(directory, '.env');
  return existsSync(file) ? { ...parseEnv(readFileSync(file, 'utf8')), ...process.env } : process.env;
}

function databaseConfig(url: string | undefined, dataDir: string, options: PostgresOptions): DatabaseConfig {
  const { connectTimeoutMs } = options;
  if (url === undefined) return { kind: 'sqlite', file: resolve(dataDir, 'muster.db'), connectTimeoutMs };
  if (!/^postgres(ql)?:\/\/./.test(url))
    throw new ConfigError(
      'MUSTER_DATABASE_URL',
      'does not start with postgres://',
      'Write postgres://user:password@host:5432/database, or remove it to use SQLite.',
    );
  return { kind: 'postgres', url, ...options };
}

function origin(variable: VariableName, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.hash || url.username)
    throw new ConfigError(variable, `${JSON.stringify(value)} is not an origin`, 'Write http(s)://host[:port] and nothing behind it.');
  return url.origin;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m` in milliseconds; null where there is none. */
function duration(variable: VariableName, value: string | undefined): number | null {
  if (value === undefined) return null;
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(value) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs === undefined)
    throw new ConfigError(variable, `${JSON.stringify(value)} is no length of time`, 'Write a whole number with s, m, h or d: 24h.');
  return Number(count) * unitMs;
}

function pick(environment: Environment, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}
