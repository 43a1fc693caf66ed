import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What git says of a session's directory: what its changes are told against. */
@Entity('session_trees')
export class SessionTreeEntity {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  sessionId: string;
  /** The commit that was checked out when its first turn began; null where there was none. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  head: string | null;
  /** The turn that was looked at last. */
  @Column({ type: 'integer', nullable: true })
  turn: number | null;
  /** The tree as that turn began; null where nothing is to be told of it. */
  @Column({ type: 'varchar', length: 64, nullable: true })
  tree: string | null;
}
