import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../../core/database/columns.js';

/**
 * What one turn of a session used of a model on one day (UTC). Whose it is is written here too, so that what was spent stays counted
 * when the session is deleted.
 */
@Entity('usage_entries')
@Index('idx_usage_entries_workspace', ['workspaceId', 'day'])
@Index('idx_usage_entries_owner', ['ownerId', 'day'])
export class UsageEntryEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  /** 0: of no turn. */
  @PrimaryColumn({ type: 'integer' })
  turn: number;
  /** `2026-11-21`. */
  @PrimaryColumn({ type: 'varchar', length: 10 })
  day: string;
  /** Empty where nobody told. */
  @PrimaryColumn({ type: 'varchar', length: 256 })
  model: string;
  @Column({ type: 'varchar', length: 64, nullable: true })
  workspaceId: string | null;
  @Column({ type: 'varchar', length: 128 })
  ownerId: string;
  @Column({ type: 'varchar', length: 128 })
  agent: string;
  @Column({ type: 'bigint', transformer: wholeNumber })
  input: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  output: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  cacheRead: number;
  @Column({ type: 'bigint', transformer: wholeNumber })
  cacheWrite: number;
  @Column({ type: 'double precision' })
  costUsd: number;
}
