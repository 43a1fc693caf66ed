import { isJsonObject, parseObject } from '../../core/json.js';
import { formatCursor } from '../../events/cursor.js';
import type { InputEntity } from '../persistence/session.entity.js';
import type { SessionWithHead } from '../persistence/sessions.repository.js';

export class UsageResponse {
  /** Tokens. @example 1200 */
  input: number;
  /** Tokens. @example 340 */
  output: number;
  /** Tokens. @example 0 */
  cacheRead: number;
  /** Tokens. @example 0 */
  cacheWrite: number;
  /** US dollars, as the agent reports them. @example 0.012 */
  costUsd: number;
}

/** One conversation of an agent. */
export class SessionResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  externalId?: string;
  workspaceId?: string;
  /** @example 'Tidy the README' */
  name: string;
  /** @example 'demo' */
  agent: string;
  /** `acp`, `terminal`, `process` or `external`. @example 'acp' */
  runtime: string;
  mode?: string;
  /** `queued`, `starting`, `running`, `idle`, `awaiting_approval`, `suspended`, `lost`, `completed`, `failed`, `stopped` or `expired`. @example 'idle' */
  status: string;
  /** `launched`, `reported`, `discovered` or `imported`. @example 'launched' */
  origin: string;
  parentId?: string;
  groupId?: string;
  forkedFromId?: string;
  forkedAtSeq?: number;
  resumedFromId?: string;
  /** The agent's own id of the conversation. */
  agentSessionId?: string;
  model?: string;
  agentMode?: string;
  /** @example '/home/me/project' */
  projectDir: string;
  phase?: string;
  step?: number;
  state: Record<string, unknown>;
  metadata: Record<string, unknown>;
  /** `ask`, `allow-reads`, `deny` or `allow-all`. @example 'allow-reads' */
  policy: string;
  /** `none` or `worktree`. @example 'none' */
  isolation: string;
  /** @example 'admin' */
  ownerId: string;
  ownerNode?: string;
  processId?: number;
  exitCode?: number;
  exitSignal?: string;
  /** Why it ended, or is lost. */
  endReason?: string;
  stopRequestedAt?: string;
  /** Its agent is being ended; it is `suspended` then. */
  suspendRequestedAt?: string;
  lastMessagePreview?: string;
  /** Prompts and messages. @example 2 */
  messageCount: number;
  usage: UsageResponse;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;
  startedAt?: string;
  endedAt?: string;
  lastResumedAt?: string;
  /** @example '2026-11-20T14:00:05.000Z' */
  updatedAt: string;
  /** @example 4 */
  version: number;
  /** Where its log stands. @example '5f1c3a4b.17' */
  cursor: string;

  static of({ session: s, epoch, lastSeq, messageCount }: SessionWithHead): SessionResponse {
    return {
      id: s.id,
      name: s.name,
      agent: s.agent,
      runtime: s.runtime,
      status: s.status,
      origin: s.origin,
      projectDir: s.projectDir,
      state: parseObject(s.state),
      metadata: parseObject(s.metadata),
      policy: s.policy,
      isolation: s.isolation,
      ownerId: s.ownerId,
      messageCount,
      usage: {
        input: s.usageInput,
        output: s.usageOutput,
        cacheRead: s.usageCacheRead,
        cacheWrite: s.usageCacheWrite,
        costUsd: s.usageCostUsd,
      },
      createdAt: s.createdAt,
      updatedAt: s.updatedAt,
      version: s.version,
      cursor: formatCursor(epoch, lastSeq),
      ...present({
        externalId: s.externalId,
        workspaceId: s.workspaceId,
        mode: s.mode,
        parentId: s.parentId,
        groupId: s.groupId,
        forkedFromId: s.forkedFromId,
        forkedAtSeq: s.forkedAtSeq,
        resumedFromId: s.resumedFromId,
        agentSessionId: s.agentSessionId,
        model: s.model,
        agentMode: s.agentMode,
        phase: s.phase,
        step: s.step,
        ownerNode: s.ownerNode,
        processId: s.processId,
        exitCode: s.exitCode,
        exitSignal: s.exitSignal,
        endReason: s.endReason,
        stopRequestedAt: s.stopRequestedAt,
        suspendRequestedAt: s.suspendRequestedAt,
        lastMessagePreview: s.lastMessagePreview,
        startedAt: s.startedAt,
        endedAt: s.endedAt,
        lastResumedAt: s.lastResumedAt,
      }),
    };
  }
}

export class SessionPageResponse {
  items: SessionResponse[];
  /** Null on the last page. */
  nextCursor: string | null;
  /** Only with `?total=true`. */
  total?: number;
}

/** A prompt that is durable and waits for the agent. */
export class InputAcceptedResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  inputId: string;
  /** `accepted`; the session's events tell when it was delivered. @example 'accepted' */
  state: string;

  static of({ id, state }: Pick<InputEntity, 'id' | 'state'>): InputAcceptedResponse {
    return { inputId: id, state };
  }
}

/** A prompt on its way to the agent. */
export class InputResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  /** Its place among the inputs of its session: 1, 2, 3 … @example 1 */
  position: number;
  /** `accepted` (durable, not delivered yet), `delivered`, or `unknown`: nobody knows whether it arrived, and it is never sent again. @example 'delivered' */
  state: string;
  /** The turn that took it. @example 1 */
  turn?: number;
  /** Content blocks; empty where retention removed them. */
  content: Record<string, unknown>[];
  agentMode?: string;
  /** @example 'admin' */
  by: string;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;
  deliveredAt?: string;

  static of({ id, position, state, turn, content, agentMode, by, createdAt, deliveredAt }: InputEntity): InputResponse {
    const blocks: unknown = JSON.parse(content);
    return {
      ...{ id, position, state, by, createdAt, content: Array.isArray(blocks) ? blocks.filter(isJsonObject) : [] },
      ...present({ turn, agentMode, deliveredAt }),
    };
  }
}

export class InputPageResponse {
  items: InputResponse[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/** The git worktree of a session that was deleted. */
export class WorktreeFateResponse {
  /** Absolute. @example '/home/me/.muster/worktrees/01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  path: string;
  /** @example 'muster/01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  branch: string;
  /** `false`: directory and branch stay as they are. @example false */
  removed: boolean;
  /** Why it stays. @example 'it has changes that are not committed' */
  reason?: string;
}

export class SessionDeletedResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  /** @example true */
  deleted: boolean;
  /** Only where it worked in one. */
  worktree?: WorktreeFateResponse;
}

/** Absent is not null: what has no value is left out. */
function present<T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const found: { [K in keyof T]?: NonNullable<T[K]> } = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== null && value !== undefined) found[key] = value;
  }
  return found;
}
