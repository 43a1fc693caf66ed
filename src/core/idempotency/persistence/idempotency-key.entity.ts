import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { jsonText } from '../../database/columns.js';

/** The answer to a request that came with an idempotency key, written in the transaction that carried it out. */
@Entity('idempotency_keys')
@Index('idx_idempotency_keys_expires', ['expiresAt'])
export class IdempotencyKeyEntity {
  /** SHA-256 over principal, operation, target and key, hex. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  @Column({ type: 'varchar', length: 128 })
  principalId: string;
  @Column({ type: 'varchar', length: 64 })
  operation: string;
  /** SHA-256 over what must be the same each time, hex. */
  @Column({ type: 'varchar', length: 64 })
  fingerprint: string;
  @Column({ type: 'integer' })
  status: number;
  @Column({ type: 'text', transformer: jsonText })
  headers: Record<string, string>;
  /** JSON; encrypted where it holds a secret. */
  @Column({ type: 'text' })
  body: string;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  @Column({ type: 'varchar', length: 24 })
  expiresAt: string;
}
