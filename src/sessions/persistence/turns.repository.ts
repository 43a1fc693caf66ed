import { Injectable } from '@nestjs/common';
import { In, IsNull, MoreThan, Not } from 'typeorm';
import { Database } from '../../core/database/database.js';
import { decodePageKey, type Page, pageOf } from '../../core/paging/page.js';
import type { InputState } from '../session.types.js';
import { InputEntity, TurnEntity } from './session.entity.js';

const INPUT_ORDER = 'position';

/** Inputs and turns: written under the lock of the session's head. */
@Injectable()
export class TurnsRepository {
  constructor(private readonly db: Database) {}

  /** Behind the others. */
  async addInput(input: Omit<InputEntity, 'position'>): Promise<InputEntity> {
    const [last] = await this.db.query<{ position: number | null }>('select max(position) as position from inputs where session_id = ?', [
      input.sessionId,
    ]);
    const placed = { ...input, position: Number(last?.position ?? 0) + 1 };
    await this.db.writing(InputEntity).insert(placed);
    return placed;
  }

  /** Inputs in their order, a page at a time. @throws InvalidInputError where the cursor is not of this list */
  async inputs(
    sessionId: string,
    { states, cursor, limit }: { states?: readonly InputState[]; cursor?: string; limit: number },
  ): Promise<Page<InputEntity>> {
    const after = cursor === undefined ? 0 : Number(decodePageKey(INPUT_ORDER, cursor).value);
    const rows = await this.db.reading(InputEntity).find({
      where: { sessionId, position: MoreThan(Number.isSafeInteger(after) ? after : 0), ...(states ? { state: In([...states]) } : {}) },
      order: { position: 'ASC' },
      take: limit + 1,
    });
    return pageOf(rows, limit, INPUT_ORDER, ({ position, id }) => ({ value: String(position), id }));
  }

  /** Ids of inputs that no agent has been given for sure: accepted, whether or not a turn has taken them. */
  async undelivered(sessionId: string): Promise<Set<string>> {
    const rows = await this.db.query<{ id: string }>("select id from inputs where session_id = ? and state = 'accepted'", [sessionId]);
    return new Set(rows.map(({ id }) => id));
  }

  /** The oldest input that no turn has taken. */
  nextInput(sessionId: string): Promise<InputEntity | null> {
    return this.db.reading(InputEntity).findOne({ where: { sessionId, state: 'accepted', turn: IsNull() }, order: { position: 'ASC' } });
  }

  findInput(id: string): Promise<InputEntity | null> {
    return this.db.reading(InputEntity).findOneBy({ id });
  }

  /** Sessions in which an input waits that no turn has taken. */
  async sessionsWaiting(): Promise<string[]> {
    const rows = await this.db.query<{ session_id: string }>(
      "select distinct session_id from inputs where state = 'accepted' and turn is null order by session_id",
    );
    return rows.map((row) => row.session_id);
  }

  async updateInput(id: string, changes: Partial<InputEntity>): Promise<void> {
    await this.db.writing(InputEntity).update({ id }, changes);
  }

  /** It arrived; the first time that is said counts. */
  async confirmInput(id: string, deliveredAt: string): Promise<void> {
    await this.db.writing(InputEntity).update({ id, state: 'accepted' }, { state: 'delivered', deliveredAt });
  }

  /** Inputs that were being handed over, of which nobody heard whether they arrived. */
  handedOver(sessionId: string): Promise<InputEntity[]> {
    return this.db.reading(InputEntity).findBy({ sessionId, state: 'accepted', turn: Not(IsNull()) });
  }

  async lastTurn(sessionId: string): Promise<TurnEntity | null> {
    return this.db.reading(TurnEntity).findOne({ where: { sessionId }, order: { number: 'DESC' } });
  }

  async addTurn(turn: TurnEntity): Promise<void> {
    await this.db.writing(TurnEntity).insert(turn);
  }

  async updateTurn(sessionId: string, number: number, changes: Partial<TurnEntity>): Promise<void> {
    await this.db.writing(TurnEntity).update({ sessionId, number }, changes);
  }
}
