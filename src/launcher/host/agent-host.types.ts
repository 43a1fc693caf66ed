import type { AgentCapabilities, McpServer, RequestPermissionRequest } from '@agentclientprotocol/sdk';
import type { ProcessIdentity } from '../../core/process/proc-stat.js';
import type { Exit } from '../../core/process/spawn-group.js';

/** How an agent's process ended. */
export interface HostExit extends Exit {
  /** The last lines of its stderr. */
  readonly stderr: string;
  /** Pids of its processes that even SIGKILL did not end. */
  readonly survivors: readonly number[];
  /** It had closed its output and lived on: the signal was ours. */
  readonly hasHungUp?: boolean;
  /** Nobody saw its end: the process that spoke with it was gone before. Code and signal are null then. */
  readonly isUnseen?: boolean;
}

/** How the agent answered a prompt. */
export type PromptAnswer = (
  | { readonly stopReason: string; readonly usage?: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
) & {
  /** It had been asked to end the prompt before it answered. */
  readonly isCancelled?: boolean;
};

/** What happened at the agent, in the order in which it happened there. */
export type HostEvent =
  | { readonly kind: 'prompt-started'; readonly turn: number; readonly text: string }
  | { readonly kind: 'update'; readonly update: unknown }
  | { readonly kind: 'permission'; readonly requestId: string; readonly request: RequestPermissionRequest }
  /** Nothing came for a while, and no prompt is under way: open text of the agent is whole. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'prompt-finished'; readonly turn: number; readonly answer: PromptAnswer }
  /** A line of stdout that is not of the protocol, or one of stderr. */
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** The last record. */
  | ({ readonly kind: 'exit' } & HostExit);

/** One entry of a host's spool: `n` = 1, 2, 3 … without gaps. */
export type SpoolRecord = HostEvent & { readonly n: number };

/** Takes records; gives back the first number that it may ever ask for again. */
export type SpoolConsumer = (records: readonly SpoolRecord[]) => Promise<number>;

/** What the agent says it can do. */
export interface AgentDescription {
  readonly capabilities: AgentCapabilities;
  readonly name: string | null;
  readonly version: string | null;
}

/** What the agent answered to the opening of a conversation. */
export interface OpenedConversation {
  readonly sessionId: string;
  /** As the agent sent them: nobody has looked at them yet. */
  readonly modes?: unknown;
  readonly configOptions?: unknown;
}

/** A content block of ACP, as whoever prompts has validated it. */
export type PromptBlock = Readonly<Record<string, unknown>> & { readonly type: string };

export interface ConversationRequest {
  readonly cwd: string;
  readonly mcpServers: McpServer[];
}

/**
 * What can be asked of an agent: the Agent Client Protocol with what it needs around it. Every request rejects with
 * {@link AgentRequestError} where the agent refuses, and with {@link AgentGoneError} where it is gone.
 */
export interface AgentCommands {
  initialize(): Promise<AgentDescription>;
  newConversation(request: ConversationRequest): Promise<OpenedConversation>;
  /** Goes on with an earlier conversation, natively or by loading it; what is replayed then is not spooled. */
  resumeConversation(sessionId: string, how: 'resume' | 'load', request: ConversationRequest): Promise<OpenedConversation>;
  setMode(modeId: string): Promise<void>;
  setConfigOption(configId: string, value: string): Promise<void>;
  /** Resolves when the agent's input has taken the prompt; the answer comes through the spool. A turn that was prompted before is not again. */
  prompt(turn: number, content: readonly PromptBlock[]): Promise<void>;
  /** Asks the prompt under way to end, and answers its open permission requests with `cancelled`. */
  cancel(): Promise<void>;
  /** Answers a permission request; null cancels it. Does nothing where it is answered already. Resolves when the host has it, which keeps it. */
  decide(requestId: string, optionId: string | null): Promise<void>;
}

/**
 * One agent process and the protocol spoken with it. It knows of no session, no database and no framework: commands go in, a numbered
 * spool of records comes out. It goes on where this server ends.
 */
export interface AgentHost extends AgentCommands {
  /** Together with `n` it names a record for all times. */
  readonly id: string;
  readonly process: ProcessIdentity;
  /** The last turn that was prompted; 0 where none was. */
  readonly lastTurn: number;
  /** The agent had ended before this server came to its host. */
  readonly wasGone: boolean;
  /**
   * Begins to deliver the spool. The next batch comes when the promise of the last is fulfilled; a batch whose promise is rejected comes
   * again, after a pause. The agent is not read on while too much waits.
   */
  attach(consumer: SpoolConsumer): void;
  /** Ends the whole process group, and resolves when that is verified and the spool was taken. */
  stop(): Promise<HostExit>;
  /** As {@link stop}, however the end came about. */
  readonly exited: Promise<HostExit>;
  /** Leaves the agent to itself: nothing more is taken of it. Resolves when what was being taken is. */
  leave(): Promise<void>;
}

/** The agent answered a request with an error of JSON-RPC. */
export class AgentRequestError extends Error {
  override readonly name = 'AgentRequestError';
  constructor(
    readonly method: string,
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/** There is no connection to the agent, or no longer. */
export class AgentGoneError extends Error {
  override readonly name = 'AgentGoneError';
}
