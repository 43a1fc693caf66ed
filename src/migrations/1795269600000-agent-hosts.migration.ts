import type { MigrationInterface, QueryRunner } from 'typeorm';
import { bigint, id, integer, optional, primary, table, text, time } from './tables.js';

/** Where agents live that outlive the server, and how far what they did was taken. */
export class AgentHosts1795269600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(hosts);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(hosts.name);
  }
}

const hosts = table('agent_hosts', {
  sessionId: id(primary),
  hostId: id(),
  directory: text(),
  socket: text(),
  processId: integer(),
  processStartedAt: bigint(),
  agentProcessId: integer(),
  agentStartedAt: bigint(),
  conversation: text(optional),
  takenN: bigint(),
  resumeN: bigint(),
  state: text(optional),
  createdAt: time(),
});
