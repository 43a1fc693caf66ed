import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { WorkspaceRole } from '../principal.types.js';

/** The role of one principal in one workspace. */
@Entity('workspace_members')
@Index('idx_workspace_members_principal', ['principalId'])
export class WorkspaceMemberEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  workspaceId: string;
  @PrimaryColumn({ type: 'varchar', length: 128 })
  principalId: string;
  @Column({ type: 'varchar', length: 16 })
  role: WorkspaceRole;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
}
