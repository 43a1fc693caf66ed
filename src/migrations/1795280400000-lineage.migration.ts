import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';
import { optional, time, varchar } from './tables.js';

/** That a session is about to be suspended, and how its agent has yet to be given the conversation so far. */
export class Lineage1795280400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('sessions', new TableColumn({ ...time(optional), name: 'suspend_requested_at' }));
    await runner.addColumn('sessions', new TableColumn({ ...varchar(16, optional), name: 'context_due' }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('sessions', 'context_due');
    await runner.dropColumn('sessions', 'suspend_requested_at');
  }
}
