import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';
import { optional, time } from './tables.js';

/** That a session is about to be suspended, and that its agent has yet to be given the conversation so far. */
export class Lineage1795280400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('sessions', new TableColumn({ ...time(optional), name: 'suspend_requested_at' }));
    await runner.addColumn('sessions', new TableColumn({ ...time(optional), name: 'context_due_since' }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('sessions', 'context_due_since');
    await runner.dropColumn('sessions', 'suspend_requested_at');
  }
}
