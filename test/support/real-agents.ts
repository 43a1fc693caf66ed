import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Real Claude Code, Codex and OpenCode for tests, driven through ACP and answered by a fake model API on 127.0.0.1, so that they need
 * no account and no network. `node scripts/install-agents.mjs` installs them outside the clone; it is also the only place that knows
 * their versions.
 */

export type RealAgentName = 'claude-code' | 'codex' | 'opencode';

export interface RealAgent {
  readonly name: RealAgentName;
  readonly package: string;
  readonly version: string;
  readonly installed: boolean;
  /** Starts the agent as an ACP server on stdio; absent where it is not installed. */
  readonly command?: readonly string[];
}

/** A profile as `MUSTER_AGENTS_FILE` holds it: `{"agents": [profile…]}`. */
export interface RealAgentProfile {
  readonly name: RealAgentName;
  readonly runtime: 'acp';
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface RealAgentSetup {
  /** The folder or folders the agent will work in; trusted beforehand, so that no dialog about trust appears. */
  readonly workspace: string | readonly string[];
  /** The agent's own HOME, made where it is missing. One home may serve all three agents, and keeps their sessions for a resume. */
  readonly home: string;
  /** `FakeModel.url`. */
  readonly modelUrl: string;
}

const INSTALLER = resolve(__dirname, '../../scripts/install-agents.mjs');
const INSTALL_COMMAND = 'node scripts/install-agents.mjs';
const API_KEY = 'sk-ant-dummy';

let known: readonly RealAgent[] | undefined;

/** The agents that tests can drive, and whether each is installed. Asks the installer once a process. */
export function realAgents(): readonly RealAgent[] {
  known ??= askInstaller();
  return known;
}

/** True where all the named agents (all three if none is named) are installed. */
export function agentsAvailable(...names: RealAgentName[]): boolean {
  return missing(names).length === 0;
}

/**
 * `describe` for a story that needs a real agent. Where it is not installed the story is skipped and its title says how to get it;
 * where the environment demands it (`MUSTER_TEST_REQUIRE` contains `agents`) it fails instead.
 */
export function describeWithAgent(name: RealAgentName, title: string, story: () => void): void {
  if (agentsAvailable(name)) return describe(title, story);
  const remedy = `${name} is not installed, run: ${INSTALL_COMMAND}`;
  if (!requiredByEnvironment()) return describe.skip(`${title} (${remedy})`, story);
  describe(title, () => {
    it('has its agent', () => {
      throw new Error(`MUSTER_TEST_REQUIRE demands agents, but ${remedy}`);
    });
  });
}

/** True where a missing agent is a failure: `MUSTER_TEST_REQUIRE` is a list separated by commas. */
export function requiredByEnvironment(): boolean {
  return (process.env.MUSTER_TEST_REQUIRE ?? '').split(/[\s,]+/).includes('agents');
}

/**
 * Writes what the agent reads from its HOME and gives the profile that starts it.
 * @throws Error where the agent is not installed.
 */
export function prepareRealAgent(name: RealAgentName, setup: RealAgentSetup): RealAgentProfile {
  const command = realAgents().find((agent) => agent.name === name)?.command;
  if (!command) throw new Error(`${name} is not installed, run: ${INSTALL_COMMAND}`);
  mkdirSync(setup.home, { recursive: true });
  const home = realpathSync(setup.home);
  const given = typeof setup.workspace === 'string' ? [setup.workspace] : setup.workspace;
  const workspaces = [...new Set(given.flatMap((path) => [resolve(path), realpathSync(path)]))];
  const env = PREPARE[name]({ home, workspaces, modelUrl: setup.modelUrl });
  const temp = join(home, 'tmp'); // agents drop sockets, unpacked libraries and lock folders there
  mkdirSync(temp, { recursive: true });
  return { name, runtime: 'acp', command, env: { HOME: home, TMPDIR: temp, ...env } };
}

// ---- homes -----------------------------------------------------------------------------------------

interface Home {
  readonly home: string;
  readonly workspaces: readonly string[];
  readonly modelUrl: string;
}

/** Each writes its files and gives the environment of its agent. */
const PREPARE: Record<RealAgentName, (home: Home) => Record<string, string>> = {
  'claude-code': ({ home, workspaces, modelUrl }) => {
    write(join(home, '.claude.json'), {
      hasCompletedOnboarding: true,
      theme: 'dark',
      autoUpdates: false,
      customApiKeyResponses: { approved: [API_KEY], rejected: [] },
      projects: Object.fromEntries(workspaces.map((path) => [path, { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true }])),
    });
    return {
      ANTHROPIC_BASE_URL: modelUrl,
      ANTHROPIC_API_KEY: API_KEY,
      DISABLE_AUTOUPDATER: '1',
      DISABLE_TELEMETRY: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: 'false', // else one more model request a turn
      CLAUDE_CODE_MAX_RETRIES: '1', // else a scripted failure is retried ten times, for minutes
      IS_SANDBOX: '1', // else it refuses some modes to root
    };
  },

  codex: ({ home, workspaces, modelUrl }) => {
    write(join(home, '.codex', 'config.toml'), codexConfig(workspaces, modelUrl));
    return {
      CODEX_HOME: join(home, '.codex'),
      INITIAL_AGENT_MODE: 'workspace-write', // else "agent", where a model and not the user decides
      FAKE_API_KEY: 'dummy',
      OPENAI_API_KEY: 'dummy',
      CODEX_API_KEY: 'dummy',
    };
  },

  opencode: ({ home, modelUrl }) => {
    write(join(home, '.config', 'opencode', 'opencode.json'), openCodeConfig(modelUrl));
    return {
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local', 'share'),
      XDG_STATE_HOME: join(home, '.local', 'state'),
      XDG_CACHE_HOME: join(home, '.cache'),
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    };
  },
};

/**
 * `gpt-5.5` is a model that Codex 0.166 offers its classic tools (exec_command, apply_patch); newer ones get JavaScript over tools, and
 * an unknown one puts a warning into every turn. JSON strings are TOML strings too. The adapter's mode overrides the sandbox settings:
 * /tmp is writable in it, and a sandboxed command that is cancelled or killed leaves an empty .git, .agents, .aws and .codex both there
 * and in the workspace, so that a test that wants a long command should use `ask:`, which leaves the sandbox.
 */
const codexConfig = (workspaces: readonly string[], modelUrl: string): string => `approval_policy = "on-request"
approvals_reviewer = "user"
sandbox_mode = "workspace-write"
model = "gpt-5.5"
model_provider = "fake"
check_for_update_on_startup = false

[model_providers.fake]
name = "fake"
base_url = ${JSON.stringify(`${modelUrl}/v1`)}
wire_api = "responses"
env_key = "FAKE_API_KEY"
request_max_retries = 1
stream_max_retries = 1
supports_websockets = false

[analytics]
enabled = false

# Without these two codex looks up github.com, api.github.com and chatgpt.com at start.
[features]
plugins = false
apps = false
${workspaces.map((path) => `\n[projects.${JSON.stringify(path)}]\ntrust_level = "trusted"\n`).join('')}`;

const openCodeConfig = (modelUrl: string) => ({
  $schema: 'https://opencode.ai/config.json',
  autoupdate: false,
  share: 'disabled',
  model: 'fake/fake-model',
  small_model: 'fake/fake-model',
  enabled_providers: ['fake'],
  provider: {
    fake: {
      npm: '@ai-sdk/openai-compatible',
      name: 'Fake',
      options: { baseURL: `${modelUrl}/v1`, apiKey: 'dummy' },
      models: { 'fake-model': { name: 'Fake model', tool_call: true, limit: { context: 200_000, output: 8_192 } } },
    },
  },
  permission: { bash: 'ask', edit: 'ask' },
});

function write(file: string, content: string | object): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
}

// ---- the fake model --------------------------------------------------------------------------------

/** One request an agent made. `call` and `args` are what the model answered, `text` its answer without a tool call. */
export interface ModelRequest {
  readonly at: string;
  readonly method?: string;
  readonly path?: string;
  readonly format?: 'anthropic' | 'chat' | 'responses' | 'gemini';
  readonly model?: string;
  readonly streaming?: boolean;
  /** The user's latest prompt as the model read it. */
  readonly prompt?: string;
  /** Names of the tools on offer. */
  readonly tools?: readonly string[];
  /** A status that was scripted, a tool call, or text. */
  readonly answer?: number | string | { readonly call: string; readonly args: unknown };
  /** The agent went away during the answer. */
  readonly aborted?: boolean;
  readonly error?: string;
  /** With `logBodies` only. */
  readonly body?: unknown;
}

export interface FakeModel {
  readonly url: string;
  readonly port: number;
  /** What was asked so far, oldest first. */
  requests(): ModelRequest[];
  stop(): Promise<void>;
}

/** Starts the fake model API on a free port of 127.0.0.1. It ends with this process at the latest. */
export async function startFakeModel({ logBodies = false } = {}): Promise<FakeModel> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-fake-model-'));
  const log = join(folder, 'requests.jsonl');
  writeFileSync(log, '');
  const script = join(__dirname, 'fake-model.mjs');
  const child = spawn(process.execPath, [script, '--port', '0', '--log', log, '--until-stdin-closes'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, FAKE_MODEL_LOG_BODIES: logBodies ? '1' : '' },
  });
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await announcedPort(child);
    const requests = () => linesOf(log).map((line) => JSON.parse(line) as ModelRequest);
    return { url: `http://127.0.0.1:${port}`, port, requests, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function announcedPort(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) return (JSON.parse(line) as { port: number }).port;
  throw new Error('The fake model ended before it listened.');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** Complete lines only: the last one may be half written. */
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);

// ---- the installer ---------------------------------------------------------------------------------

function askInstaller(): readonly RealAgent[] {
  const { stdout, stderr } = spawnSync(process.execPath, [INSTALLER, '--check'], { encoding: 'utf8' });
  if (!stdout) throw new Error(`${INSTALL_COMMAND} --check said nothing: ${stderr}`);
  return (JSON.parse(stdout) as { agents: RealAgent[] }).agents;
}

function missing(names: readonly RealAgentName[]): readonly RealAgent[] {
  return realAgents().filter((agent) => !agent.installed && (names.length === 0 || names.includes(agent.name)));
}
