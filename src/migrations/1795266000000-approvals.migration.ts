import type { MigrationInterface, QueryRunner } from 'typeorm';
import { boolean, id, integer, optional, primary, table, text, time, varchar } from './tables.js';

/** Questions of agents to people. */
export class Approvals1795266000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(approvals);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(approvals.name);
  }
}

const approvals = table(
  'approvals',
  {
    id: varchar(128, primary),
    sessionId: id(),
    turn: integer(optional),
    seq: integer(),
    source: varchar(16),
    kind: varchar(64),
    title: varchar(512),
    toolCallId: text(optional),
    detail: text(optional),
    options: text(),
    takesEdits: boolean(),
    status: varchar(16),
    decision: text(optional),
    decidedBy: varchar(128, optional),
    decidedAt: time(optional),
    reason: text(optional),
    expiresAt: time(optional),
    createdAt: time(),
    deliveredAt: time(optional),
    hostId: id(optional),
    requestId: text(optional),
  },
  {
    idx_approvals_session: { on: ['sessionId', 'status'] },
    idx_approvals_created: { on: ['createdAt', 'id'] },
    idx_approvals_status: { on: ['status', 'expiresAt'] },
  },
);
