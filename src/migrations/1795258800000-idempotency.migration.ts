import type { MigrationInterface, QueryRunner } from 'typeorm';
import { id, integer, primary, table, text, time, varchar } from './tables.js';

/** The answers to requests that came with an idempotency key. */
export class Idempotency1795258800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(keys);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(keys.name);
  }
}

const keys = table(
  'idempotency_keys',
  {
    id: id(primary),
    principalId: varchar(128),
    operation: varchar(64),
    fingerprint: varchar(64),
    status: integer(),
    headers: text(),
    body: text(),
    createdAt: time(),
    expiresAt: time(),
  },
  { idx_idempotency_keys_expires: { on: ['expiresAt'] } },
);
