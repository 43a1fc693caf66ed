import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A project directory on this host. */
@Entity('workspaces')
@Index('uq_workspaces_path', ['path'], { unique: true })
@Index('idx_workspaces_created', ['createdAt', 'id'])
export class WorkspaceEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  @Column({ type: 'varchar', length: 256 })
  name: string;
  /** The real path: absolute, links resolved. */
  @Column({ type: 'text' })
  path: string;
  /** Null: several sessions may be active at once. */
  @Column({ type: 'integer', nullable: true })
  maxActiveSessions: number | null;
  /** JSON text. */
  @Column({ type: 'text' })
  metadata: string;
  /** A {@link RetentionRule} as JSON text; null: that of the instance. */
  @Column({ type: 'text', nullable: true })
  retention: string | null;
  @Column({ type: 'varchar', length: 128 })
  ownerId: string;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  @Column({ type: 'varchar', length: 24 })
  updatedAt: string;
  @Column({ type: 'integer' })
  version: number;
}
