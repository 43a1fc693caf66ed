import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { SYSTEM } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import type { Work } from '../core/database/work.js';
import { storable } from '../core/text.js';
import { EventLog } from '../events/event-log.service.js';
import type { Growth } from '../events/event-log.types.js';
import type { PreparedEvent } from '../events/event-preparation.js';
import { PAYLOADS } from '../events/event-payloads.types.js';

const PREVIEW_LENGTH = 200;
/** Of a text, white space at its beginning included. */
const MAX_LOOKED_AT = 4_000;
const message = PAYLOADS.message.pick({ role: true, content: true });

/** Keeps what lists show of a session (last message and where it is, usage) in step with its log, and tells of decisions in it, in the log's own transaction. */
@Injectable()
export class SessionProjection implements OnModuleInit {
  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.log.addProjection(async (work, growths) => {
      await this.preview(work, growths);
      for (const { head, fresh } of growths) await this.project(work, head.sessionId, fresh);
    });
  }

  /** All in one statement on PostgreSQL, where each would be a way to the database and back. */
  private async preview(work: Work, growths: readonly Growth[]): Promise<void> {
    const previews = growths.flatMap(({ head, fresh }) => {
      for (let index = fresh.length - 1; index >= 0; index--) {
        const event = fresh[index];
        const text = event?.type === 'message' ? previewOf(event.value) : undefined;
        if (text !== undefined) return [{ id: head.sessionId, text, seq: head.lastSeq + 1 + index }];
      }
      return [];
    });
    if (previews.length === 0) return;
    const now = this.clock.nowIso();
    if (work.dialect === 'postgres')
      await work.query(
        'update sessions as s set last_message_preview = v.preview, last_message_seq = v.seq, updated_at = ? from unnest(?::varchar[], ?::varchar[], ?::integer[]) as v(id, preview, seq) where s.id = v.id',
        [now, previews.map(({ id }) => id), previews.map(({ text }) => text), previews.map(({ seq }) => seq)],
      );
    else
      await work.each(
        'update sessions set last_message_preview = ?, last_message_seq = ?, updated_at = ? where id = ?',
        previews.map(({ id, text, seq }) => [text, seq, now, id]),
      );
  }

  private async project(work: Work, sessionId: string, events: readonly PreparedEvent[]): Promise<void> {
    for (const { type, value } of events) {
      if (type === 'approval') await this.tellDecision(work, sessionId, value);
      if (type !== 'usage') continue;
      const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0, costUsd = 0 } = PAYLOADS.usage.parse(value);
      await work.query(
        'update sessions set usage_input = usage_input + ?, usage_output = usage_output + ?, usage_cache_read = usage_cache_read + ?, usage_cache_write = usage_cache_write + ?, usage_cost_usd = usage_cost_usd + ? where id = ?',
        [input, output, cacheRead, cacheWrite, costUsd, sessionId],
      );
    }
  }

  /** What a policy allows or denies is an act of this server: it is told like those of people. */
  private async tellDecision(work: Work, sessionId: string, value: unknown): Promise<void> {
    const { state, approvalId, toolCallId = null, by = SYSTEM.id, optionId = null, reason = null } = PAYLOADS.approval.parse(value);
    // What people decide is told by whoever takes their decisions.
    if (state !== 'decided' || !by.startsWith('policy:')) return;
    const [session] = await work.query<{ owner_id: string; workspace_id: string | null }>(
      'select owner_id, workspace_id from sessions where id = ?',
      [sessionId],
    );
    if (!session) return;
    const subject = { sessionId, workspaceId: session.workspace_id, ownerId: session.owner_id, actor: SYSTEM.id };
    work.emit('session.permission-decided', subject, { sessionId, approvalId, toolCallId, by, optionId, reason });
  }
}

/** The first characters of what an assistant said, on one line. */
function previewOf(payload: unknown): string | undefined {
  const result: z.ZodSafeParseResult<z.infer<typeof message>> = message.safeParse(payload);
  if (!result.success || result.data.role !== 'assistant') return undefined;
  // The rest of a long text can't reach the first line of it.
  const text = result.data.content.map((block) => (block.type === 'text' ? block.text.slice(0, MAX_LOOKED_AT) : '')).join(' ');
  const line = text.slice(0, MAX_LOOKED_AT).replace(/\s+/g, ' ').trim();
  return line === '' ? undefined : storable(line, PREVIEW_LENGTH);
}
