import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import type { Work } from '../../core/database/work.js';

/** An event of a tool call. */
export interface ToolEvent {
  readonly sessionId: string;
  readonly seq: number;
  readonly callKey: string;
}

export const callKeyOf = (toolCallId: string): string => hash('sha256', toolCallId, 'hex').slice(0, 32);

/** Which events belong to which tool call. */
@Injectable()
export class ToolEventsStore {
  async add(work: Work, events: readonly ToolEvent[]): Promise<void> {
    if (work.dialect === 'postgres')
      await work.query(
        'insert into tool_events (session_id, seq, call_key) select * from unnest(?::varchar[], ?::integer[], ?::varchar[])',
        [events.map(({ sessionId }) => sessionId), events.map(({ seq }) => seq), events.map(({ callKey }) => callKey)],
      );
    else
      await work.each(
        'insert into tool_events (session_id, seq, call_key) values (?, ?, ?)',
        events.map(({ sessionId, seq, callKey }) => [sessionId, seq, callKey]),
      );
  }
}
