import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { EventSource } from '../../events/event-log.types.js';
import type { ApprovalStatus } from '../approval.types.js';

/** A question of an agent to people. */
@Entity('approvals')
@Index('idx_approvals_session', ['sessionId', 'status'])
@Index('idx_approvals_created', ['createdAt', 'id'])
@Index('idx_approvals_status', ['status', 'expiresAt'])
export class ApprovalEntity {
  @PrimaryColumn({ type: 'varchar', length: 128 })
  id: string;
  @Column({ type: 'varchar', length: 64 })
  sessionId: string;
  @Column({ type: 'integer', nullable: true })
  turn: number | null;
  /** The number of the event that tells of the question. */
  @Column({ type: 'integer' })
  seq: number;
  @Column({ type: 'varchar', length: 16 })
  source: EventSource;
  @Column({ type: 'varchar', length: 64 })
  kind: string;
  @Column({ type: 'varchar', length: 512 })
  title: string;
  @Column({ type: 'text', nullable: true })
  toolCallId: string | null;
  /** The tool call as the agent sent it, as JSON text; null where retention removed it. */
  @Column({ type: 'text', nullable: true })
  detail: string | null;
  /** The answers it offers, as JSON text. */
  @Column({ type: 'text' })
  options: string;
  @Column({ type: 'boolean' })
  takesEdits: boolean;
  @Column({ type: 'varchar', length: 16 })
  status: ApprovalStatus;
  /** As JSON text. */
  @Column({ type: 'text', nullable: true })
  decision: string | null;
  @Column({ type: 'varchar', length: 128, nullable: true })
  decidedBy: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  decidedAt: string | null;
  /** Why nobody will decide it any more. */
  @Column({ type: 'text', nullable: true })
  reason: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  expiresAt: string | null;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  /** When the agent was told. */
  @Column({ type: 'varchar', length: 24, nullable: true })
  deliveredAt: string | null;
  /** Where the answer goes, and what it is called there. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  hostId: string | null;
  @Column({ type: 'text', nullable: true })
  requestId: string | null;
}
