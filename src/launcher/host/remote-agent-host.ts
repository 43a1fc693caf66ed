import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Deferred, deferred } from '../../core/deferred.js';
import { endGroup } from '../../core/process/process-group.js';
import { hasEnvironment, isAlive, type ProcessIdentity } from '../../core/process/proc-stat.js';
import {
  type AgentDescription,
  AgentGoneError,
  type AgentHost,
  type ConversationRequest,
  type HostExit,
  type OpenedConversation,
  type PromptBlock,
  type SpoolConsumer,
  type SpoolRecord,
} from './agent-host.types.js';
import { readLeftSpool } from './spool-files.js';
import { LinkLostError, ShimLink, ShimRefusedError } from './shim-link.js';
import { type CommandName, type CommandParams, recordOf, type Welcome } from './shim/shim-protocol.js';

/** Records of a spool that was left behind are taken so many at a time. */
const LEFT_BATCH = 500;
const PAUSES_MS = [50, 250, 1_000, 5_000] as const;
/** What stopping takes beyond the grace: a cancelled prompt, the end of its input, the kill, what was said last. */
const STOP_MARGIN_MS = 10_000;
/** How long a shim may take to end once all of its spool was taken. */
const END_WAIT_MS = 5_000;
const POLL_MS = 10;

/** Where a host is, and what it is known by. */
export interface HostAddress {
  readonly id: string;
  readonly sessionId: string;
  /** Where its spool lies. */
  readonly directory: string;
  readonly socket: string;
  readonly token: string;
  readonly shim: ProcessIdentity;
  /** The agent itself. */
  readonly process: ProcessIdentity;
}

export interface RemoteHostOptions {
  /** Records up to here were taken by an earlier life of this server. */
  readonly after: number;
  readonly stopGraceMs: number;
  readonly debug: (facts: Readonly<Record<string, unknown>>) => void;
}

/** An {@link AgentHost} whose agent is the child of a shim: a process of its own that goes on where this server ends. */
export class RemoteAgentHost implements AgentHost {
  readonly id: string;
  readonly process: ProcessIdentity;
  readonly exited: Promise<HostExit>;
  private readonly ended = deferred<HostExit>();
  private link: ShimLink | null;
  private linked = unlinked();
  private consumer: SpoolConsumer | undefined;
  private readonly consumed = deferred();
  private delivering: Promise<void> = Promise.resolve();
  private taken: number;
  private exit: HostExit | null = null;
  private isLeft = false;
  private isGivenUp = false;

  /** `welcome`: absent where the shim is gone; what it left behind is taken then. */
  private constructor(
    private readonly address: HostAddress,
    private readonly options: RemoteHostOptions,
    link: ShimLink | null,
    private readonly welcome?: Welcome,
  ) {
    this.id = address.id;
    this.process = address.process;
    this.exited = this.ended.promise;
    this.taken = options.after;
    this.link = link;
    if (link) this.linked.resolve(link);
    void this.run().catch((error: unknown) => options.debug({ msg: 'a host failed', err: error }));
  }

  /** Comes to a host, or to what it left behind. @throws HostHoleError where it does not have all that follows what was taken */
  static async reach(address: HostAddress, options: RemoteHostOptions): Promise<RemoteAgentHost> {
    const opened = await open(address, options.debug);
    if (!opened) return new RemoteAgentHost(address, options, null);
    const { link, welcome } = opened;
    if (welcome.first <= options.after + 1 && options.after <= welcome.last) return new RemoteAgentHost(address, options, link, welcome);
    link.close();
    throw new HostHoleError(`the spool has ${welcome.first} to ${welcome.last}, and ${options.after} was taken`);
  }

  get lastTurn(): number {
    return this.welcome?.lastTurn ?? 0;
  }

  get wasGone(): boolean {
    return this.welcome?.isOver ?? true;
  }

  attach(consumer: SpoolConsumer): void {
    this.consumer = consumer;
    this.consumed.resolve();
  }

  async initialize(): Promise<AgentDescription> {
    const { capabilities, name, version } = description.parse(await this.ask('initialize', {}));
    return { capabilities, name, version };
  }

  async newConversation(request: ConversationRequest): Promise<OpenedConversation> {
    return conversation.parse(await this.ask('newConversation', { ...request }));
  }

  async resumeConversation(sessionId: string, how: 'resume' | 'load', request: ConversationRequest): Promise<OpenedConversation> {
    return conversation.parse(await this.ask('resumeConversation', { sessionId, how, request: { ...request } }));
  }

  async setMode(modeId: string): Promise<void> {
    await this.repeat('setMode', { modeId });
  }

  async setConfigOption(configId: string, value: string): Promise<void> {
    await this.repeat('setConfigOption', { configId, value });
  }

  async prompt(turn: number, content: readonly PromptBlock[]): Promise<void> {
    await this.repeat('prompt', { turn, content: [...content] });
  }

  async cancel(): Promise<void> {
    await this.repeat('cancel', {}).catch((error: unknown) => this.options.debug({ msg: 'a cancellation could not be sent', err: error }));
  }

  async decide(requestId: string, optionId: string | null): Promise<void> {
    await this.repeat('decide', { requestId, optionId });
  }

  async stop(): Promise<HostExit> {
    const late = sleep(this.options.stopGraceMs + STOP_MARGIN_MS, 'late' as const, { ref: false });
    const asked = this.repeat('stop', {}).catch(() => undefined);
    if ((await Promise.race([asked, this.exited, late])) === 'late') {
      this.options.debug({ msg: 'a shim did not end its agent in time' });
      this.isGivenUp = true;
      this.link?.close();
    }
    return this.exited;
  }

  async leave(): Promise<void> {
    this.isLeft = true;
    this.link?.close();
    this.consumed.resolve();
    await this.delivering;
  }

  private async ask<N extends CommandName>(name: N, params: CommandParams<N>): Promise<unknown> {
    return (await this.linked.promise).request(name, params);
  }

  /** For what may be asked twice: once more over the next connection, where the first one broke. */
  private async repeat<N extends CommandName>(name: N, params: CommandParams<N>): Promise<unknown> {
    for (;;) {
      const link = await this.linked.promise;
      try {
        return await link.request(name, params);
      } catch (error) {
        if (!(error instanceof LinkLostError) || this.isLeft) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  private async run(): Promise<void> {
    await this.consumed.promise;
    for (let { link } = this; link; link = this.link) {
      await this.follow(link);
      this.linked = unlinked();
      this.link = null;
      if (this.isLeft || this.exit || this.isGivenUp) break;
      const next = await open(this.address, this.options.debug);
      if (!next) break;
      if (this.isLeft) next.link.close();
      this.link = next.link;
      this.linked.resolve(next.link);
    }
    this.linked.reject(new AgentGoneError('the agent is gone'));
    if (!this.isLeft) await this.finish();
  }

  /** Takes what comes over a connection until it is gone. */
  private async follow(link: ShimLink): Promise<void> {
    link.onRecords = (records) => {
      this.delivering = this.delivering.then(() => this.deliver(records, link));
    };
    link.read(this.taken);
    await link.closed;
    await this.delivering;
  }

  /** Again and again while it is not taken: the agent's output waits. */
  private async deliver(records: readonly SpoolRecord[], link?: ShimLink): Promise<void> {
    const fresh = records.filter(({ n }) => n > this.taken);
    const [first] = fresh;
    if (!first || !this.consumer || (this.isLeft && link)) return;
    if (first.n !== this.taken + 1) return link?.close();
    for (let failures = 0; ; failures++) {
      try {
        const keepFrom = await this.consumer(fresh);
        const last = fresh.at(-1) ?? first;
        this.taken = last.n;
        if (last.kind === 'exit') this.exit = exitOf(last);
        return link?.acknowledge(last.n, keepFrom);
      } catch (error) {
        this.options.debug({ msg: 'records were not taken', err: error });
        if (this.isLeft) return;
        await sleep(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]);
      }
    }
  }

  /** The shim is gone, or is to go: what is left of its agent is ended, and what it still wrote is taken. */
  private async finish(): Promise<void> {
    const { sessionId, shim, process: agent, directory } = this.address;
    const end = performance.now() + END_WAIT_MS;
    while (this.exit && isAlive(shim) && performance.now() < end) await sleep(POLL_MS);
    const belongs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', sessionId);
    // First the shim, so that nothing more is written; it carries the session's mark too.
    if (isAlive(shim)) await endGroup(shim, { graceMs: 0, belongs: (pid) => pid === shim.pid });
    const { survivors } = this.exit ? this.exit : await endGroup(agent, { graceMs: this.options.stopGraceMs, isOurs: belongs, belongs });
    const left = readLeft(directory, this.taken);
    for (let at = 0; at < left.length; at += LEFT_BATCH) await this.deliver(left.slice(at, at + LEFT_BATCH));
    if (!this.exit && !this.isLeft)
      await this.deliver([{ n: this.taken + 1, kind: 'exit', code: null, signal: null, stderr: '', survivors, isUnseen: true }]);
    if (this.exit) this.ended.resolve(this.exit);
  }
}

/** What follows what was taken is no longer there: going on would leave a gap. */
export class HostHoleError extends Error {
  override readonly name = 'HostHoleError';
}

/** Rejected in time, and nobody need be waiting then. */
function unlinked(): Deferred<ShimLink> {
  const link = deferred<ShimLink>();
  link.promise.catch(() => undefined);
  return link;
}

const description = z.object({ capabilities: z.looseObject({}), name: z.string().nullable(), version: z.string().nullable() });
const conversation = z.looseObject({ sessionId: z.string() });

function exitOf(record: SpoolRecord & { kind: 'exit' }): HostExit {
  const { n: _, kind: __, ...exit } = record;
  return exit;
}

/** Null where there is no shim any more. One that lives and does not answer is tried again for a while. */
async function open(address: HostAddress, debug: RemoteHostOptions['debug']) {
  for (const pauseMs of [20, 100, 500, 1_000, 2_000]) {
    try {
      const opened = await ShimLink.open(address.socket, address.token);
      if (opened.welcome.sessionId === address.sessionId) return opened;
      opened.link.close();
      return null;
    } catch (error) {
      debug({ msg: 'a shim was not reached', err: error });
      if (error instanceof ShimRefusedError || !isAlive(address.shim)) return null;
      await sleep(pauseMs);
    }
  }
  return null;
}

function readLeft(directory: string, after: number): SpoolRecord[] {
  try {
    return [...readLeftSpool(directory, after)].flatMap((line) => recordOf(line) ?? []);
  } catch {
    return [];
  }
}
