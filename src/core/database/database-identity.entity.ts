import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row by which a server knows its database again. */
@Entity('database_identity')
export class DatabaseIdentityEntity {
  @PrimaryColumn({ type: 'integer' })
  id: number;
  /** Of the database this was written in; null: never served. A copy of it lies in another. */
  @Column({ type: 'varchar', length: 256, nullable: true })
  fingerprint: string | null;
  /** When it was found to be restored; null once what that means for its sessions is settled. */
  @Column({ type: 'varchar', length: 24, nullable: true })
  restoredAt: string | null;
}
