import { Injectable } from '@nestjs/common';
import { placeholders } from '../../core/database/dialect.js';
import type { Work } from '../../core/database/work.js';

/** What a conversation is made of. */
const CONVERSATION = ['input', 'message', 'thought', 'tool_call', 'tool_update'] as const;
/** An input that is told of again, because nobody knows whether it arrived. */
const DOUBT = "(type = 'input' and source = 'system')";
const KEPT = `session_id = ? and seq <= ? and payload is not null and type in ${placeholders(1, CONVERSATION.length)} and not ${DOUBT}`;
const ROWS_A_STATEMENT = 500;

export interface CopiedInput {
  readonly seq: number;
  readonly payload: string;
}

export interface CopyRequest {
  readonly from: string;
  readonly to: string;
  readonly through: number;
  /** Events that stay out. */
  readonly without: readonly number[];
  readonly recordedAt: string;
}

/** The statements of copying a log: payloads go from row to row and never through this process, but for inputs. */
@Injectable()
export class CopyStore {
  /** Inputs of a log, up to `through`. */
  async inputs(work: Work, sessionId: string, through: number): Promise<CopiedInput[]> {
    return work.query<{ seq: number; payload: string }>(
      `select seq, payload from session_events where session_id = ? and seq <= ? and type = 'input' and payload is not null and not ${DOUBT} order by seq`,
      [sessionId, through],
    );
  }

  /** Copies into an empty log, numbered from 1. */
  async copy(work: Work, { from, to, through, without, recordedAt }: CopyRequest): Promise<void> {
    const left = without.length === 0 ? '' : ` and seq not in ${placeholders(1, without.length)}`;
    await work.query(
      `insert into session_events (session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, native_id, payload, hash)
       select cast(? as varchar), row_number() over (order by seq), cast(? as varchar) || cast(seq as varchar), null, type, 'import', actor,
         occurred_at, cast(? as varchar), null, payload, hash
       from session_events where ${KEPT}${left}`,
      [to, `copy:${from}:`, recordedAt, from, through, ...CONVERSATION, ...without],
    );
    await work.query(
      `insert into tool_events (session_id, seq, call_key)
       select e.session_id, e.seq, t.call_key from tool_events t
       join session_events e on e.session_id = ? and e.id = cast(? as varchar) || cast(t.seq as varchar)
       where t.session_id = ?`,
      [to, `copy:${from}:`, from],
    );
    await work.query(
      `update session_heads set
         last_seq = (select count(*) from session_events where session_id = ?),
         message_count = (select count(*) from session_events where session_id = ? and type in ('input', 'message'))
       where session_id = ?`,
      [to, to, to],
    );
  }

  async replace(
    work: Work,
    sessionId: string,
    events: readonly { seq: number; type: string; payload: string; hash: string }[],
  ): Promise<void> {
    await work.each(
      'update session_events set type = ?, payload = ?, hash = ? where session_id = ? and seq = ?',
      events.map(({ seq, type, payload, hash }) => [type, payload, hash, sessionId, seq]),
    );
  }

  /** Links what another session holds; its log must be locked, so that nothing of it goes meanwhile. */
  async linkBlobs(work: Work, from: string, to: string, hashes: readonly string[]): Promise<void> {
    for (let at = 0; at < hashes.length; at += ROWS_A_STATEMENT) {
      const part = hashes.slice(at, at + ROWS_A_STATEMENT);
      await work.query(
        `insert into session_blobs (session_id, sha256, mime_type)
         select cast(? as varchar), sha256, mime_type from session_blobs where session_id = ? and sha256 in ${placeholders(1, part.length)}`,
        [to, from, ...part],
      );
    }
  }
}
