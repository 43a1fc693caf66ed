import { ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import {
  AgentApp,
  client,
  ClientContext,
  methods,
  ndJsonStream,
  PermissionOptionKind,
  PromptRequest,
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionUpdate,
  StopReason,
  Stream,
} from '@agentclientprotocol/sdk';

/** An ACP client that keeps all it hears and answers each question with one kind of option, or not at all. */
export class DemoClient {
  readonly updates: SessionUpdate[] = [];
  readonly questions: RequestPermissionRequest[] = [];
  answer: PermissionOptionKind | 'cancelled' | 'unknown' | 'none' = 'allow_once';
  readonly agent: ClientContext;

  /** `session/update` is registered first: with more handlers before it the SDK lets a response overtake the updates before it. */
  constructor(target: Stream | AgentApp) {
    const app = client({ name: 'demo-client' })
      .onNotification(methods.client.session.update, ({ params }) => void this.updates.push(params.update))
      .onRequest(methods.client.session.requestPermission, ({ params }) => this.decide(params));
    this.agent = ('readable' in target ? app.connect(target) : app.connect(target)).agent;
  }

  async initialize() {
    return this.agent.request(methods.agent.initialize, { protocolVersion: 1, clientCapabilities: {} });
  }

  async newSession(cwd: string): Promise<string> {
    return (await this.agent.request(methods.agent.session.new, { cwd, mcpServers: [] })).sessionId;
  }

  async prompt(sessionId: string, text: string): Promise<StopReason> {
    const request: PromptRequest = { sessionId, prompt: [{ type: 'text', text }] };
    const { stopReason } = await this.agent.request(methods.agent.session.prompt, request);
    await setImmediate();
    return stopReason;
  }

  async cancel(sessionId: string): Promise<void> {
    await this.agent.notify(methods.agent.session.cancel, { sessionId });
  }

  /** The agent's messages: the chunks of one message id joined. */
  get messages(): string[] {
    return this.joined('agent_message_chunk');
  }

  joined(kind: 'agent_message_chunk' | 'agent_thought_chunk' | 'user_message_chunk'): string[] {
    const texts = new Map<string, string>();
    for (const update of this.updates) {
      if (update.sessionUpdate !== kind || update.content.type !== 'text') continue;
      const id = update.messageId ?? '';
      texts.set(id, (texts.get(id) ?? '') + update.content.text);
    }
    return [...texts.values()];
  }

  /** All that was said about tool calls, one line an update: kind or id's end, status and text. */
  get toolLines(): string[] {
    return this.updates.flatMap((update) => {
      if (update.sessionUpdate !== 'tool_call' && update.sessionUpdate !== 'tool_call_update') return [];
      const texts = (update.content ?? []).map((part) =>
        part.type === 'content' && part.content.type === 'text' ? part.content.text : part.type,
      );
      return [[update.title ?? '-', update.status, ...texts].join(' | ')];
    });
  }

  private async decide({ options, ...rest }: RequestPermissionRequest): Promise<RequestPermissionResponse> {
    this.questions.push({ options, ...rest });
    if (this.answer === 'none') return new Promise(() => undefined);
    if (this.answer === 'cancelled') return { outcome: { outcome: 'cancelled' } };
    const optionId = options.find(({ kind }) => kind === this.answer)?.optionId ?? 'unheard-of';
    return { outcome: { outcome: 'selected', optionId } };
  }
}

const ROOT = join(__dirname, '../../../..');

/** A demo agent in a process of its own, conversations in `home`. */
export function spawnDemoAgent(home: string) {
  const program = ['-r', join(ROOT, 'test/support/swc-register.cjs'), join(ROOT, 'src/agents/demo/demo-agent.main.ts')];
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', DEMO_AGENT_HOME: home };
  const child = spawn(process.execPath, program, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  const stderr: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  const demoClient = new DemoClient(ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout)));
  return { child, client: demoClient, stderr, exited: exitOf(child) };
}

const exitOf = (child: ChildProcess) =>
  new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );

/** Resolves as soon as `condition` holds; jest's own time limit is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(5);
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    return !(isNativeError(error) && 'code' in error && (error.code === 'ESRCH' || error.code === 'ENOENT'));
  }
}
