import type { AgentProfile } from '../agents/agent-profile.types.js';
import type { ProcessIdentity } from '../core/process/proc-stat.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';

/** How a process ended: exactly one of code and signal is set, but for {@link isUnseen}. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last lines of its stderr. */
  readonly stderr: string;
  /** It had closed its output and lived on: the signal was ours. */
  readonly hasHungUp?: boolean;
  /** Nobody saw its end: what kept it was gone before. Code and signal are null then. */
  readonly isUnseen?: boolean;
}

export interface RuntimeCapabilities {
  readonly interrupt: boolean;
  /** It can go on with an earlier conversation of its own. */
  readonly resume: boolean;
}

/** What a turn came to. */
export interface TurnOutcome {
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly stopReason?: string;
  readonly error?: string;
  /** How the process of that turn ended, where a turn is a process. */
  readonly exit?: ProcessExit;
}

/** What a runtime needs to start an agent. */
export interface LaunchSpec {
  readonly session: SessionEntity;
  readonly profile: AgentProfile;
  /** Absolute path of the profile's program. */
  readonly program: string;
  /** The whole environment of the process: nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Told of each process before it is spoken to, and null when there is none any more: what is not noted can't be ended after a crash. */
  readonly onProcess: (process: ProcessIdentity | null) => Promise<void>;
  /** Told of the agent's own id of the conversation, where it has one. */
  readonly onAgentSession: (agentSessionId: string) => Promise<void>;
  /** Told whether the agent still has to be told of the conversation before, in words; null: it goes on with its own. */
  readonly onContext: (due: 'text' | null) => Promise<void>;
  /** Gives up the start: what was started is ended, and the start rejects. */
  readonly signal: AbortSignal;
  /** Repeats a step that only the database hinders. */
  readonly persist: <T>(step: () => Promise<T>) => Promise<T>;
}

/** One prompt for an agent. */
export interface TurnRequest {
  readonly turn: number;
  readonly content: readonly ContentBlock[];
  /** A mode to change to before, where the input names one. */
  readonly agentMode: string | null;
  /** Called once, when the agent has the prompt. */
  readonly onDelivered: () => void;
}

/** A started agent. What it does is reported through the session log, not through here. */
export interface RunningAgent {
  readonly capabilities: RuntimeCapabilities;
  /** One turn; resolves when it is over, and everything it reported is in the log. @throws where the agent is gone: see {@link exited} */
  prompt(request: TurnRequest): Promise<TurnOutcome>;
  /** Asks the turn under way to end; its prompt resolves `cancelled`. Does nothing between turns. */
  interrupt(): Promise<void>;
  /** Ends the whole process group, verified; resolves when all it said is in the log. Null where no process ran. */
  stop(): Promise<ProcessExit | null>;
  /** Resolves when the process is gone, however that came about, and all it said is in the log. Never, where it has one only in turns. */
  readonly exited: Promise<ProcessExit>;
  /** Leaves it to itself, to be taken up again by a later life of this server; a prompt under way rejects. Absent: it can't go on alone. */
  leave?(): Promise<void>;
}

/** An agent that an earlier life of this server started. */
export interface FoundAgent {
  readonly agent: RunningAgent;
  /** It had ended before it was found. */
  readonly wasGone: boolean;
}

export interface Runtime {
  readonly kind: 'acp' | 'process';
  /** @throws DomainError with a remedy where the agent can't be started */
  start(spec: LaunchSpec): Promise<RunningAgent>;
  /** Takes up the agent that a session has from an earlier life of this server; null where there is none. */
  takeUp?(session: SessionEntity): Promise<FoundAgent | null>;
}
