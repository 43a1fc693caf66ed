import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';

/** One variable of the environment: the table below is the only list of them, and `.env.example` is compared with it. */
export interface Variable {
  readonly name: string;
  readonly describe: string;
  /** What is used where the variable is absent; `undefined` means that absence itself has a meaning, told in `describe`. */
  readonly fallback?: string;
  /** A secret may also be given as `<name>_FILE`, the path of a file that holds it, and is never shown in an error. */
  readonly isSecret?: boolean;
}

export const VARIABLES = [
  { name: 'MUSTER_HOST', describe: 'Address to listen on.', fallback: '127.0.0.1' },
  { name: 'MUSTER_PORT', describe: 'Port to listen on; 0 picks a free one.', fallback: '4600' },
  { name: 'MUSTER_PUBLIC_URL', describe: 'URL under which people and agents reach this server. Absent: http://<host>:<port>.' },
  { name: 'MUSTER_DATA_DIR', describe: 'Directory of the embedded database, the admin key and sample workspaces.', fallback: './.muster' },
  {
    name: 'MUSTER_DATABASE_URL',
    describe: 'postgres://user:password@host:port/database. Absent: SQLite in the data directory.',
    isSecret: true,
  },
  { name: 'MUSTER_DATABASE_POOL_SIZE', describe: 'Most connections to PostgreSQL.', fallback: '10' },
  {
    name: 'MUSTER_DATABASE_ALLOW_WEAK',
    describe:
      'Settings of PostgreSQL that may be off although acknowledged events can then be lost with the power, separated by ",": fsync, full_page_writes, synchronous_commit.',
    fallback: '',
  },
  { name: 'MUSTER_DATABASE_CONNECT_TIMEOUT_MS', describe: 'How long to go on trying to reach the database at start.', fallback: '30000' },
  { name: 'MUSTER_WORKSPACE_ROOTS', describe: 'Directories below which workspaces may lie, separated by ":".', fallback: homeDirectory() },
  {
    name: 'MUSTER_WORKTREES_DIR',
    describe: 'Directory of the git worktrees that sessions with isolation get. Absent: worktrees in the data directory.',
  },
  { name: 'MUSTER_AGENTS_FILE', describe: 'JSON file {"agents": [profile…]} with further agent profiles. Absent: the built-in ones.' },
  { name: 'MUSTER_MODES_FILE', describe: 'JSON file {"modes": [mode…]} with further modes of sessions. Absent: the built-in ones.' },
  {
    name: 'MUSTER_SESSION_EXPIRES_AFTER',
    describe: 'How long a session may be left untouched before it expires, as in 90m, 24h or 7d. Absent: for ever.',
  },
  { name: 'MUSTER_AGENT_ENV_ALLOW', describe: 'Names of further variables that agents inherit, separated by ",".', fallback: '' },
  { name: 'MUSTER_AGENT_START_TIMEOUT_MS', describe: 'How long an agent may take to answer its first request.', fallback: '60000' },
  { name: 'MUSTER_AGENT_STOP_GRACE_MS', describe: 'How long an agent has between SIGTERM and SIGKILL.', fallback: '5000' },
  {
    name: 'MUSTER_AGENTS_ON_SHUTDOWN',
    describe: 'What becomes of running agents when the server is shut down: "keep" them for its next start, or "stop" them.',
    fallback: 'keep',
  },
  {
    name: 'MUSTER_AGENT_LINGER_MS',
    describe: 'How long what an agent said last is kept running for the next start of the server, once the agent has ended.',
    fallback: '86400000',
  },
  {
    name: 'MUSTER_AGENT_IDLE_TIMEOUT_MS',
    describe:
      'How long an agent that can go on later may wait for input before its process is freed and its session suspended; 0: for ever.',
    fallback: '0',
  },
  { name: 'MUSTER_TURN_TIMEOUT_MS', describe: 'How long a turn may take before it is interrupted; 0: for ever.', fallback: '0' },
  {
    name: 'MUSTER_MAX_AGENTS',
    describe: 'Most agents at a time on this server, beyond which sessions wait in order, queued; 0: no limit.',
    fallback: '0',
  },
  { name: 'MUSTER_MAX_AGENTS_PER_WORKSPACE', describe: 'The same for each workspace; 0: no limit.', fallback: '0' },
  { name: 'MUSTER_CORS_ORIGINS', describe: 'Origins of browsers that may call from elsewhere, separated by ",".', fallback: '' },
  {
    name: 'MUSTER_COMPAT_PORTS',
    describe: 'Ports at which the contract of another system is served at its root, separated by ",", as in agent-orchestrator:8765.',
    fallback: '',
  },
  {
    name: 'MUSTER_COMPAT_TRUST',
    describe:
      'Whom callers on this machine are taken for that come to such a port without credentials, as in agent-orchestrator=user:ada. Absent: they are refused.',
    fallback: '',
  },
  {
    name: 'MUSTER_COMPAT_ORIGINS',
    describe: 'Origins of browsers that may call one such contract, separated by ",", as in agent-orchestrator=http://localhost:5173.',
    fallback: '',
  },
  { name: 'MUSTER_ALLOWED_HOSTS', describe: 'Further names that a Host header may carry, separated by ",".', fallback: '' },
  { name: 'MUSTER_AUTH', describe: '"key", or "off" for a closed test bench on a loopback address.', fallback: 'key' },
  {
    name: 'MUSTER_ADMIN_KEY',
    describe: 'The admin key. Absent: made at first start and kept in admin.key in the data directory.',
    isSecret: true,
  },
  {
    name: 'MUSTER_OIDC_ISSUER',
    describe: 'Issuer of an OpenID Connect provider whose tokens are taken as credentials, as in their "iss". Absent: none are.',
  },
  { name: 'MUSTER_OIDC_AUDIENCE', describe: 'What the "aud" of such a token must name; needed with MUSTER_OIDC_ISSUER.' },
  { name: 'MUSTER_OIDC_JWKS_URL', describe: "Where the provider's keys are. Absent: as its discovery document says." },
  { name: 'MUSTER_OIDC_ROLE_CLAIM', describe: 'Claim that holds the roles of the caller, as in realm_access.roles.', fallback: 'roles' },
  { name: 'MUSTER_OIDC_ADMIN_ROLE', describe: 'The role in that claim that makes an admin.', fallback: 'muster-admin' },
  {
    name: 'MUSTER_TRUSTED_PROXIES',
    describe:
      'Addresses of reverse proxies whose X-Forwarded-* are believed, separated by ",": 10.0.0.7, 10.0.0.0/8 or loopback. Absent: none.',
    fallback: '',
  },
  { name: 'MUSTER_LIMIT_READ_PER_MINUTE', describe: 'Most reading requests a minute of one principal; 0: no limit.', fallback: '3000' },
  { name: 'MUSTER_LIMIT_WRITE_PER_MINUTE', describe: 'Most changing requests a minute of one principal; 0: no limit.', fallback: '600' },
  { name: 'MUSTER_LIMIT_LAUNCH_PER_MINUTE', describe: 'Most agents a minute that one principal may start; 0: no limit.', fallback: '10' },
  { name: 'MUSTER_LIMIT_LOGIN_PER_MINUTE', describe: 'Most sign-ins a minute from one address; 0: no limit.', fallback: '60' },
  {
    name: 'MUSTER_LIMIT_APPEND_PER_SECOND',
    describe: 'Most events a second that one principal may append; 0: no limit.',
    fallback: '20000',
  },
  {
    name: 'MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE',
    describe: 'Wrong credentials a minute from one address, after which unknown ones from there are not looked at; 0: no limit, no delay.',
    fallback: '20',
  },
  {
    name: 'MUSTER_LIMIT_STREAMS_PER_PRINCIPAL',
    describe: 'Most event streams, waiting reads and WebSockets of one principal at a time; 0: no limit.',
    fallback: '200',
  },
  { name: 'MUSTER_MAX_CONNECTIONS', describe: 'Most connections at a time; 0: no limit.', fallback: '10000' },
  {
    name: 'MUSTER_MAX_CONNECTIONS_PER_ADDRESS',
    describe: 'Most connections at a time from one address that is no trusted proxy; 0: no limit.',
    fallback: '1000',
  },
  {
    name: 'MUSTER_RETENTION_MAX_AGE_DAYS',
    describe: 'Days after which what events hold is removed, in sessions whose workspace has no rule of its own. Absent: never.',
  },
  {
    name: 'MUSTER_RETENTION_MAX_EVENTS',
    describe: 'Events a session whose content is kept, in sessions whose workspace has no rule of its own. Absent: all.',
  },
  { name: 'MUSTER_RETENTION_INTERVAL_MS', describe: 'How often what is no longer kept is looked for.', fallback: '3600000' },
  {
    name: 'MUSTER_APPROVAL_TIMEOUT_MS',
    describe: 'How long a question of an agent waits for people before it expires and is answered with no; 0: for ever.',
    fallback: '86400000',
  },
  { name: 'MUSTER_LOG_LEVEL', describe: 'fatal, error, warn, info, debug, trace or silent.', fallback: 'info' },
  { name: 'MUSTER_SHUTDOWN_GRACE_MS', describe: 'How long requests under way may take to finish at shutdown.', fallback: '10000' },
] as const satisfies readonly Variable[];

export type VariableName = (typeof VARIABLES)[number]['name'];
export type Environment = Readonly<Record<string, string | undefined>>;

/** A wrong setting. The message names variable, value (never a secret) and remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(
    readonly variable: string,
    problem: string,
    remedy: string,
  ) {
    super(`${variable}: ${problem}. ${remedy}`);
  }
}

/**
 * The value of one variable: itself, the content of the file named by `<name>_FILE` (secrets only), or its fallback.
 * An empty string counts as absent, as in a `.env` file with nothing behind the `=`.
 * @throws ConfigError where the file can't be read, or both are given.
 */
export function readVariable(environment: Environment, name: VariableName): string | undefined {
  const variable: Variable | undefined = VARIABLES.find((each) => each.name === name);
  const value = environment[name] || undefined;
  const file = variable?.isSecret ? environment[`${name}_FILE`] || undefined : undefined;
  if (value !== undefined && file !== undefined) throw new ConfigError(name, `is set, and ${name}_FILE is too`, 'Set only one of them.');
  if (file === undefined) return value ?? variable?.fallback;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(
      `${name}_FILE`,
      `cannot read ${JSON.stringify(file)} (${describeError(error)})`,
      'Name a file this user can read.',
    );
  }
}

const describeError = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A user without an account and without HOME has none (a container with a number for its user): where the server is started, then. */
function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return process.cwd();
  }
}
