import type { ApprovalOption, NewApproval } from '../../../approvals/approval.types.js';
import type { EventDraft } from '../../../events/event-log.types.js';
import type { PermissionPolicy } from '../../../sessions/session.types.js';
import type { AgentQuestions } from '../../agent-questions.service.js';
import type { AgentHost, SpoolRecord } from '../../host/agent-host.types.js';
import { AnnouncedCalls } from './announced-calls.js';
import type { KnownToolCall } from './acp-translator.js';
import { type Decision, decide } from './permission-policy.js';

export interface PermissionOptions {
  readonly sessionId: string;
  readonly policy: PermissionPolicy;
  /** Whether there are people to ask. */
  readonly canAsk: boolean;
  /** Id of the agent's principal. */
  readonly actor: string;
}

type PermissionRecord = SpoolRecord & { readonly kind: 'permission' };

/** What a request comes to: an event where it is decided at once, else a question to people. */
export type Permission = (
  { readonly kind: 'event'; readonly draft: EventDraft } | { readonly kind: 'ask'; readonly question: NewApproval }
) & {
  /** Of the event that tells of it. */
  readonly eventId: string;
};

/** The permission requests of an agent: decided by its session's policy, or asked of people. */
export class AcpPermissions {
  /** A rejection was told since the turn began. */
  hasRejected = false;
  private readonly calls = new AnnouncedCalls();
  /** What is to be told once the log holds it, by request. */
  private readonly answers = new Map<string, string | null>();

  constructor(
    private readonly host: AgentHost,
    private readonly questions: AgentQuestions,
    private readonly options: PermissionOptions,
  ) {
    questions.open(host.id, ({ requestId, optionId, isAllowed }) => {
      this.hasRejected ||= !isAllowed;
      return host.decide(requestId, optionId);
    });
    void host.exited.then(() => this.close());
  }

  /** Remembers what a tool call is about until it is over. */
  see(update: unknown): void {
    if (typeof update !== 'object' || update === null || !('toolCallId' in update) || typeof update.toolCallId !== 'string') return;
    const { toolCallId, ...fields } = update;
    if ('status' in fields && (fields.status === 'completed' || fields.status === 'failed')) this.calls.forget(toolCallId);
    else this.calls.note(toolCallId, present(fields));
  }

  /** No answer comes this way any more. */
  close(): void {
    this.questions.close(this.host.id);
  }

  /** What is to be known again after a restart. */
  get state(): PermissionState {
    return { hasRejected: this.hasRejected, decisions: [...this.answers] };
  }

  /** What was decided by a rule, and perhaps did not reach the agent, is told again. */
  restore({ hasRejected, decisions }: PermissionState): void {
    this.hasRejected ||= hasRejected;
    for (const [requestId, optionId] of decisions) this.tell(requestId, optionId);
  }

  take(record: PermissionRecord, { turn, known, isCancelling }: Asking): Permission {
    const { toolCallId } = record.request.toolCall;
    const announced = this.calls.get(toolCallId);
    const toolCall = { ...announced, ...present(record.request.toolCall) };
    const title = textOf(toolCall['title']) ?? known?.title ?? toolCallId;
    if (isCancelling) return this.cancelled(record, { turn, title });
    const kinds = [record.request.toolCall.kind, announced['kind'], known?.kind].filter((each) => typeof each === 'string');
    const decision = decide(this.options.policy, kinds, record.request.options, this.options.canAsk);
    if (decision !== null) return this.decided(record, decision, { turn, title });
    const { sessionId, actor } = this.options;
    const question: NewApproval = {
      id: this.idOf(record),
      sessionId,
      turn,
      source: 'acp',
      actor,
      kind: textOf(toolCall['kind']) ?? known?.kind ?? 'other',
      title,
      toolCallId,
      toolCall: withoutUpdateKind(toolCall),
      options: record.request.options.map(({ optionId, name, kind }): ApprovalOption => ({ optionId, name, kind })),
      takesEdits: false,
      hostId: this.host.id,
      requestId: record.requestId,
    };
    return { kind: 'ask', question, eventId: `${question.id}.pending` };
  }

  /** Stores a question; where nobody is there to be asked, the request will be cancelled. @throws what hinders the database */
  async ask(question: NewApproval): Promise<void> {
    if (!(await this.questions.ask(question)) && question.requestId !== null) this.answers.set(question.requestId, null);
  }

  /** The log holds it: now the agent may know. */
  settle({ requestId }: PermissionRecord): void {
    const answer = this.answers.get(requestId);
    if (answer === undefined) return;
    this.answers.delete(requestId);
    this.tell(requestId, answer);
  }

  /** An agent that is gone needs no answer. */
  private tell(requestId: string, optionId: string | null): void {
    this.host.decide(requestId, optionId).catch(() => undefined);
  }

  /** Nobody needs to answer any more. */
  giveUp(why: string): Promise<void> {
    return this.questions.giveUp(this.options.sessionId, why);
  }

  private decided(record: PermissionRecord, { isAllowed, optionId, reason }: Decision, facts: Facts): Permission {
    this.hasRejected ||= !isAllowed;
    this.answers.set(record.requestId, optionId);
    const by = `policy:${this.options.policy}`;
    return this.event(record, facts, { state: 'decided', ...(optionId === null ? {} : { optionId }), by, reason });
  }

  private cancelled(record: PermissionRecord, facts: Facts): Permission {
    this.answers.set(record.requestId, null);
    return this.event(record, facts, { state: 'cancelled', by: 'system', reason: 'its turn was told to end before' });
  }

  private event(record: PermissionRecord, { turn, title }: Facts, payload: Readonly<Record<string, unknown>>): Permission {
    const approvalId = this.idOf(record);
    const { toolCallId } = record.request.toolCall;
    const eventId = `${approvalId}.approval`;
    return {
      kind: 'event',
      eventId,
      draft: {
        id: eventId,
        type: 'approval',
        turn,
        source: 'system',
        actor: 'system',
        payload: { approvalId, toolCallId, title, ...payload },
      },
    };
  }

  private idOf({ n }: PermissionRecord): string {
    return `${this.host.id}:${n}`;
  }
}

export interface PermissionState {
  readonly hasRejected: boolean;
  readonly decisions: [string, string | null][];
}

/** Where a request stands. */
interface Asking {
  /** The turn under way. */
  readonly turn: number | null;
  /** What was announced of its call, also before a restart. */
  readonly known?: KnownToolCall;
  /** The turn was told to end, so that nobody is asked any more. */
  readonly isCancelling: boolean;
}

interface Facts {
  readonly turn: number | null;
  readonly title: string;
}

/** Null and an empty list say nothing: an agent may have told more of the call when it announced it. */
const present = (fields: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );

const withoutUpdateKind = ({ sessionUpdate: _, ...fields }: Record<string, unknown>): Record<string, unknown> => fields;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
