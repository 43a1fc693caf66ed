import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';
import { integer, optional, primary, table, text, time, varchar } from './tables.js';

/** How long events are kept, where turns end in the log, and by what a database is known again. */
export class Retention1795262400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('workspaces', new TableColumn({ ...text(optional), name: 'retention' }));
    await runner.addColumn('turns', new TableColumn({ ...integer(optional), name: 'ended_seq' }));
    // The query builder takes the properties of today's entity for columns. This is the same on both databases.
    await runner.query(
      'update turns set ended_seq = (select max(e.seq) from session_events e where e.session_id = turns.session_id and e.turn = turns.number) where ended_at is not null',
    );
    await runner.createTable(
      table('database_identity', { id: integer(primary), fingerprint: varchar(256, optional), restoredAt: time(optional) }),
    );
    await runner.query('insert into database_identity (id) values (1)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('database_identity');
    await runner.dropColumn('turns', 'ended_seq');
    await runner.dropColumn('workspaces', 'retention');
  }
}
