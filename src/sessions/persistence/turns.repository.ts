import { Injectable } from '@nestjs/common';
import { IsNull, Not } from 'typeorm';
import { Database } from '../../core/database/database.js';
import { InputEntity, TurnEntity } from './session.entity.js';

/** Inputs and turns: written under the lock of the session's head. */
@Injectable()
export class TurnsRepository {
  constructor(private readonly db: Database) {}

  async addInput(input: Omit<InputEntity, 'position'>): Promise<void> {
    const [last] = await this.db.query<{ position: number | null }>('select max(position) as position from inputs where session_id = ?', [
      input.sessionId,
    ]);
    await this.db.writing(InputEntity).insert({ ...input, position: Number(last?.position ?? 0) + 1 });
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
