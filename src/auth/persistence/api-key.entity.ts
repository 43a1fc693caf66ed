import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { jsonText } from '../../core/database/columns.js';

/** A credential that this server gave out. The secret itself is never stored. */
@Entity('api_keys')
@Index('uq_api_keys_hash', ['hash'], { unique: true })
@Index('idx_api_keys_session', ['sessionId'])
@Index('idx_api_keys_principal', ['principalId'])
export class ApiKeyEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  /** `admin`, `personal`, `service`, `session` (an agent's, for its own session) or `browser` (a cookie). */
  @Column({ type: 'varchar', length: 16 })
  kind: string;
  @Column({ type: 'varchar', length: 256 })
  name: string;
  /** The first characters of the secret, to recognise it by. */
  @Column({ type: 'varchar', length: 32 })
  prefix: string;
  /** SHA-256 of the secret, hex. */
  @Column({ type: 'varchar', length: 64 })
  hash: string;
  @Column({ type: 'varchar', length: 128 })
  principalId: string;
  @Column({ type: 'varchar', length: 64, nullable: true })
  sessionId: string | null;
  @Column({ type: 'text', transformer: jsonText })
  scopes: string[];
  /** Null: not limited to workspaces. */
  @Column({ type: 'text', nullable: true, transformer: jsonText })
  workspaceIds: string[] | null;
  /** The principal that gave it out. */
  @Column({ type: 'varchar', length: 128, nullable: true })
  createdBy: string | null;
  /** The key it replaced. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  rotatedFromId: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  expiresAt: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  lastUsedAt: string | null;
  @Column({ type: 'varchar', length: 24, nullable: true })
  revokedAt: string | null;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
}
