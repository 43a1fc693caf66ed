import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import { outside } from '../../core/database/unit-of-work.js';
import type { RuntimeKind, SessionBrief, SessionStatus } from '../session.types.js';

interface Row {
  id: string;
  owner_id: string;
  workspace_id: string | null;
  runtime: RuntimeKind;
  status: SessionStatus;
}

interface Asked {
  readonly id: string;
  readonly resolve: (brief: SessionBrief | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Ids a query, far below what either database takes. */
const MAX_IDS = 512;

/** Sessions by id, for the hot path: who asks in the same turn of the event loop shares one query. */
@Injectable()
export class SessionBriefsRepository {
  private asked: Asked[] = [];

  constructor(private readonly db: Database) {}

  find(id: string): Promise<SessionBrief | null> {
    return new Promise((resolve, reject) => {
      // The query belongs to nobody's unit of work, span or request.
      if (this.asked.length === 0) outside(this.db, () => setImmediate(() => void this.answer()));
      this.asked.push({ id, resolve, reject });
    });
  }

  private async answer(): Promise<void> {
    const { asked } = this;
    this.asked = [];
    const ids = [...new Set(asked.map(({ id }) => id))];
    for (let at = 0; at < ids.length; at += MAX_IDS) {
      const part = ids.slice(at, at + MAX_IDS);
      const own = new Set(part);
      const waiting = ids.length <= MAX_IDS ? asked : asked.filter(({ id }) => own.has(id));
      try {
        const found = await this.read(part);
        waiting.forEach(({ id, resolve }) => resolve(found.get(id) ?? null));
      } catch (error) {
        waiting.forEach(({ reject }) => reject(error));
      }
    }
  }

  private async read(ids: readonly string[]): Promise<Map<string, SessionBrief>> {
    // Few different lengths, so that prepared statements are found again: the last id repeats.
    const size = 2 ** Math.ceil(Math.log2(ids.length));
    const filled = Array.from({ length: size }, (_, index) => ids[index] ?? ids.at(-1));
    const rows = await this.db.queryAhead<Row>(
      `select id, owner_id, workspace_id, runtime, status from sessions where id in ${placeholders(1, size)}`,
      filled,
    );
    return new Map(
      rows.map(({ id, owner_id: ownerId, workspace_id: workspaceId, runtime, status }) => [
        id,
        { id, ownerId, workspaceId, runtime, status },
      ]),
    );
  }
}
