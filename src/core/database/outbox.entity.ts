import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { wholeNumber } from './columns.js';

/** A stored domain event. */
@Entity('outbox')
@Index('idx_outbox_session', ['sessionId'])
export class OutboxEntity {
  @PrimaryColumn({ type: 'bigint', transformer: wholeNumber })
  position: number;
  @Column({ type: 'varchar', length: 128 })
  name: string;
  @Column({ type: 'varchar', length: 64, nullable: true })
  workspaceId: string | null;
  @Column({ type: 'varchar', length: 64, nullable: true })
  sessionId: string | null;
  @Column({ type: 'varchar', length: 128, nullable: true })
  ownerId: string | null;
  @Column({ type: 'varchar', length: 128 })
  actor: string;
  @Column({ type: 'varchar', length: 24 })
  occurredAt: string;
  @Column({ type: 'text' })
  payload: string;
  /** Of the request that caused it. */
  @Column({ type: 'varchar', length: 128, nullable: true })
  requestId: string | null;
}

/** The one row that gives positions: a database sequence would commit out of order (docs/adr/0006-numbering.md). */
@Entity('outbox_counter')
export class OutboxCounterEntity {
  @PrimaryColumn({ type: 'integer' })
  id: number;
  @Column({ type: 'varchar', length: 16 })
  epoch: string;
  @Column({ type: 'bigint', transformer: wholeNumber })
  position: number;
}

/** How far a listener with effects has come. */
@Entity('listener_cursors')
export class ListenerCursorEntity {
  @PrimaryColumn({ type: 'varchar', length: 128 })
  listener: string;
  @Column({ type: 'bigint', transformer: wholeNumber })
  position: number;
  @Column({ type: 'varchar', length: 24 })
  updatedAt: string;
}
