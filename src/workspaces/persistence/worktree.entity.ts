import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A git worktree that was made for a session. Its row stays for as long as its directory does, also without the session. */
@Entity('worktrees')
@Index('idx_worktrees_workspace', ['workspaceId'])
@Index('idx_worktrees_project_dir', ['projectDir'])
export class WorktreeEntity {
  /** That of the session it was made for. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;
  @Column({ type: 'varchar', length: 64, nullable: true })
  workspaceId: string | null;
  @Column({ type: 'varchar', length: 128 })
  ownerId: string;
  /** The directory it was made from, with a work tree of the same repository. */
  @Column({ type: 'text' })
  repository: string;
  /** Its top: absolute, links resolved. */
  @Column({ type: 'text' })
  path: string;
  /** Where in it the session works: as far below its top as the workspace is below that of its repository. */
  @Column({ type: 'text' })
  projectDir: string;
  @Column({ type: 'varchar', length: 255 })
  branch: string;
  /** The branch it was begun from, by its full name; null where that was no more than a commit. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  base: string | null;
  @Column({ type: 'varchar', length: 64 })
  baseCommit: string;
  @Column({ type: 'varchar', length: 24 })
  createdAt: string;
  /** When it was there in full; null before: then nobody has worked in it. */
  @Column({ type: 'varchar', length: 24, nullable: true })
  madeAt: string | null;
}
