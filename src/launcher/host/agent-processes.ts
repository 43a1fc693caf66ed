import { setTimeout as sleep } from 'node:timers/promises';
import { type EndedGroup, endWatched, GroupWatch } from '../../core/process/process-group.js';
import type { ProcessGroup } from '../../core/process/spawn-group.js';

/** How long a cancelled prompt may take to answer before the process is ended. */
const CANCEL_WAIT_MS = 500;
/**
 * How long an agent may take to end itself once its input has ended. Agents clean up after themselves then, and only then: measured, codex-acp
 * takes 2.5 s and opencode leaves the commands it runs behind when it is signalled.
 */
const EOF_WAIT_MS = 3_000;
/** How often new processes of an agent at work are noted: its commands may lead sessions of their own, and outlive its crash. */
const LOOK_EVERY_MS = 1_000;

export interface EndingOptions {
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
  /** Tells processes that the agent started, wherever they are by now. */
  readonly belongs?: (pid: number) => boolean;
}

/** The process of an agent with all that it started: watched while it works, and ended together. */
export class AgentProcesses {
  private readonly members: GroupWatch;
  private looking: NodeJS.Timeout | undefined;
  private ending: Promise<EndedGroup> | undefined;

  constructor(
    private readonly group: ProcessGroup,
    private readonly options: EndingOptions,
  ) {
    this.members = new GroupWatch(group, { belongs: options.belongs });
  }

  get isEnding(): boolean {
    return this.ending !== undefined;
  }

  /** Notes new processes from time to time, until {@link unwatch}. */
  watch(): void {
    this.looking ??= setInterval(() => this.members.look(), LOOK_EVERY_MS).unref();
  }

  unwatch(): void {
    clearInterval(this.looking);
    this.looking = undefined;
  }

  /** Gives the agent the chance to end by itself, and its commands with it: once it is at rest, its input ends. */
  async part(comeToRest: () => Promise<void>): Promise<void> {
    if (this.ending) return;
    // Before the agent ends its commands: what those leave behind has no parent then that would lead to the agent.
    this.members.find();
    await Promise.race([comeToRest(), this.group.exited, sleep(CANCEL_WAIT_MS, undefined, { ref: false })]);
    this.group.stdin.end();
    await Promise.race([this.group.exited, sleep(Math.min(EOF_WAIT_MS, this.options.stopGraceMs), undefined, { ref: false })]);
  }

  /** Ends all of them, once; resolves when that is verified. */
  end(): Promise<EndedGroup> {
    this.ending ??= endWatched(this.members, { graceMs: this.options.stopGraceMs });
    return this.ending;
  }

  /** Nothing more is read or written. */
  closeStreams(): void {
    for (const stream of [this.group.stdout, this.group.stderr, this.group.stdin]) stream.destroy();
  }
}
