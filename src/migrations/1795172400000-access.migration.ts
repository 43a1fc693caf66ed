import { type MigrationInterface, type QueryRunner, TableColumn, TableIndex } from 'typeorm';
import { snakeCase } from '../core/database/columns.js';
import { id, optional, varchar } from './tables.js';

const column = (property: string, type: ReturnType<typeof varchar>) => new TableColumn({ ...type, name: snakeCase(property) });

/** Where a key comes from, and which request caused a domain event. */
export class Access1795172400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumns('api_keys', [column('createdBy', varchar(128, optional)), column('rotatedFromId', id(optional))]);
    await runner.createIndex('api_keys', new TableIndex({ name: 'idx_api_keys_principal', columnNames: ['principal_id'] }));
    await runner.addColumn('outbox', column('requestId', varchar(128, optional)));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('outbox', 'request_id');
    await runner.dropIndex('api_keys', 'idx_api_keys_principal');
    await runner.dropColumns('api_keys', ['created_by', 'rotated_from_id']);
  }
}
