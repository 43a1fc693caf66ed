import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';
import { id, primary, table, varchar } from './tables.js';

/** What the bytes of a blob are is said by each session that holds them. Nothing was stored in either table before. */
export class Blobs1795255200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.dropTable('session_blobs');
    await runner.createTable(
      table(
        'session_blobs',
        { sessionId: id(primary), sha256: varchar(64, primary), mimeType: varchar(128) },
        { idx_session_blobs_sha256: { on: ['sha256'] } },
      ),
    );
    await runner.dropColumn('blobs', 'mime_type');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.addColumn('blobs', new TableColumn({ name: 'mime_type', ...varchar(128, { default: "'application/octet-stream'" }) }));
    await runner.dropTable('session_blobs');
    await runner.createTable(table('session_blobs', { sessionId: id(primary), sha256: varchar(64, primary) }));
  }
}
