import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { decisionOf, optionsOf } from '../approvals/approval-row.js';
import { ApprovalRequests } from '../approvals/approval-requests.service.js';
import { isAllowing } from '../approvals/approval.types.js';
import type { Principal } from '../auth/principal.types.js';
import { EventBus } from '../core/event-bus/event-bus.js';
import { newId } from '../core/ids.js';
import { Shutdown } from '../core/shutdown.js';
import { ExternalSessions } from '../sessions/external-sessions.service.js';
import { answerTo } from './hook-acts.js';
import type { HookQuestion } from './hook.types.js';

/** What another process committed is seen so late at most. */
const POLL_MS = 1_000;
const EMPTY: Record<string, unknown> = {};

/** Holds the hooks by which an agent asks, until people have answered, or it asks in its own terminal. */
@Injectable()
export class HookPermissions implements OnApplicationBootstrap {
  private readonly logger = new Logger(HookPermissions.name);
  /** Questions that are held here, by session and call. */
  private readonly held = new Map<string, string>();

  constructor(
    private readonly approvals: ApprovalRequests,
    private readonly external: ExternalSessions,
    private readonly bus: EventBus,
    private readonly shutdown: Shutdown,
  ) {}

  /** Whoever waited for an earlier life of this server was cut off with it. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      for (const id of await this.approvals.pendingFrom('hook'))
        await this.approvals.cancel(id, 'the server was restarted: the agent asks in its own terminal');
    } catch (error) {
      this.logger.error({ msg: 'questions of hooks could not be given up after a restart', err: error });
    }
  }

  /** What the agent is to be answered; empty where nobody has within `waitMs`, or it hung up (`gone`). */
  async ask(
    principal: Principal,
    sessionId: string,
    question: HookQuestion,
    { waitMs, gone }: { waitMs: number; gone: AbortSignal },
  ): Promise<Record<string, unknown>> {
    const { call, options, takesEdits } = question;
    const [id, key] = [newId(), keyOf(sessionId, call.toolCallId)];
    const asked = await this.approvals.request({
      id,
      sessionId,
      turn: await this.external.openTurn(sessionId),
      source: 'hook',
      actor: principal.id,
      kind: call.kind,
      title: call.title,
      toolCallId: call.toolCallId,
      toolCall: { ...call },
      options,
      takesEdits,
      hostId: null,
      requestId: null,
      timeoutMs: waitMs,
    });
    if (!asked) return EMPTY;
    this.held.set(key, id);
    try {
      return await this.answer(id, question, { waitMs, gone: AbortSignal.any([gone, this.shutdown.signal]) });
    } finally {
      this.held.delete(key);
    }
  }

  /** The call went on, or ended: it was answered elsewhere. */
  async giveUp(sessionId: string, toolCallId: string): Promise<void> {
    const id = this.held.get(keyOf(sessionId, toolCallId));
    if (id !== undefined) await this.approvals.cancel(id, 'it was answered at the agent');
  }

  private async answer(
    id: string,
    question: HookQuestion,
    { waitMs, gone }: { waitMs: number; gone: AbortSignal },
  ): Promise<Record<string, unknown>> {
    const over = AbortSignal.any([gone, AbortSignal.timeout(waitMs)]);
    let wake = (): void => undefined;
    const unsubscribe = this.bus.subscribe(({ name }) => {
      if (name.startsWith('approval.')) wake();
    });
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => (wake = resolve));
        const approval = await this.approvals.find(id);
        if (approval?.status === 'decided') {
          const decision = decisionOf(approval);
          const option = optionsOf(approval).find(({ optionId }) => optionId === decision?.optionId);
          await this.approvals.noteDelivered(id);
          const isAllowed = option !== undefined && isAllowing(option);
          return answerTo(question, { ...decision, isAllowed, isAlways: option?.kind === 'allow_always' });
        }
        if (approval?.status !== 'pending') return EMPTY;
        if (over.aborted) {
          await this.approvals.cancel(
            id,
            gone.aborted ? 'the agent waits no longer' : 'nobody answered in time: the agent asks in its own terminal',
          );
          // Somebody may have been faster.
          if (!gone.aborted) continue;
          return EMPTY;
        }
        await Promise.race([woken, sleep(POLL_MS, undefined, { signal: over }).catch(() => undefined)]);
      }
    } finally {
      unsubscribe();
    }
  }
}

const keyOf = (sessionId: string, toolCallId: string): string => `${sessionId} ${toolCallId}`;
