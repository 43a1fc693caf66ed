import type { MigrationInterface, QueryRunner } from 'typeorm';
import { newEpoch } from '../core/ids.js';
import { bigint, boolean, double, id, integer, optional, primary, table, text, time, varchar } from './tables.js';

/** The first tables: workspaces, sessions with their log, credentials, and the outbox. */
export class Ground1795168800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const each of tables(runner.dataSource.options.type === 'postgres' ? 'bytea' : 'blob')) await runner.createTable(each);
    await runner.manager
      .createQueryBuilder()
      .insert()
      .into('outbox_counter', ['id', 'epoch', 'position'])
      .values({ id: 1, epoch: newEpoch(), position: 0 })
      .execute();
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const each of tables('blob').toReversed()) await runner.dropTable(each.name);
  }
}

const tables = (bytes: 'bytea' | 'blob') => [
  table('outbox_counter', { id: integer(primary), epoch: varchar(16), position: bigint() }),
  table(
    'outbox',
    {
      position: bigint(primary),
      name: varchar(128),
      workspaceId: id(optional),
      sessionId: id(optional),
      ownerId: varchar(128, optional),
      actor: varchar(128),
      occurredAt: time(),
      payload: text(),
    },
    { idx_outbox_session: { on: ['sessionId'] } },
  ),
  table('listener_cursors', { listener: varchar(128, primary), position: bigint(), updatedAt: time() }),
  table(
    'api_keys',
    {
      id: id(primary),
      kind: varchar(16),
      name: varchar(256),
      prefix: varchar(32),
      hash: varchar(64),
      principalId: varchar(128),
      sessionId: id(optional),
      scopes: text(),
      workspaceIds: text(optional),
      expiresAt: time(optional),
      lastUsedAt: time(optional),
      revokedAt: time(optional),
      createdAt: time(),
    },
    { uq_api_keys_hash: { on: ['hash'], isUnique: true }, idx_api_keys_session: { on: ['sessionId'] } },
  ),
  table(
    'workspaces',
    {
      id: id(primary),
      name: varchar(256),
      path: text(),
      maxActiveSessions: integer(optional),
      metadata: text(),
      ownerId: varchar(128),
      createdAt: time(),
      updatedAt: time(),
      version: integer(),
    },
    { uq_workspaces_path: { on: ['path'], isUnique: true }, idx_workspaces_created: { on: ['createdAt', 'id'] } },
  ),
  table(
    'workspace_members',
    { workspaceId: id(primary), principalId: varchar(128, primary), role: varchar(16), createdAt: time() },
    { idx_workspace_members_principal: { on: ['principalId'] } },
  ),
  table(
    'sessions',
    {
      id: id(primary),
      externalId: varchar(256, optional),
      source: varchar(64),
      workspaceId: id(optional),
      name: varchar(256),
      agent: varchar(128),
      runtime: varchar(16),
      mode: varchar(64, optional),
      status: varchar(32),
      origin: varchar(16),
      parentId: id(optional),
      groupId: id(optional),
      forkedFromId: id(optional),
      forkedAtSeq: integer(optional),
      resumedFromId: id(optional),
      agentSessionId: varchar(256, optional),
      model: varchar(256, optional),
      agentMode: varchar(128, optional),
      mcpServers: text(),
      projectDir: text(),
      phase: varchar(128, optional),
      step: integer(optional),
      state: text(),
      metadata: text(),
      policy: varchar(16),
      isolation: varchar(16),
      launch: boolean(),
      ownerId: varchar(128),
      ownerNode: varchar(128, optional),
      processId: integer(optional),
      processStartedAt: bigint(optional),
      exitCode: integer(optional),
      exitSignal: varchar(32, optional),
      endReason: text(optional),
      stopRequestedAt: time(optional),
      lastMessagePreview: varchar(256, optional),
      usageInput: bigint(),
      usageOutput: bigint(),
      usageCacheRead: bigint(),
      usageCacheWrite: bigint(),
      usageCostUsd: double(),
      createdAt: time(),
      startedAt: time(optional),
      endedAt: time(optional),
      lastResumedAt: time(optional),
      updatedAt: time(),
      version: integer(),
    },
    {
      idx_sessions_created: { on: ['createdAt', 'id'] },
      idx_sessions_updated: { on: ['updatedAt', 'id'] },
      idx_sessions_workspace: { on: ['workspaceId', 'createdAt'] },
      idx_sessions_status: { on: ['status'] },
      idx_sessions_resumed_from: { on: ['resumedFromId'] },
      idx_sessions_forked_from: { on: ['forkedFromId'] },
      uq_sessions_external: { on: ['ownerId', 'source', 'externalId'], isUnique: true },
    },
  ),
  table('turns', {
    sessionId: id(primary),
    number: integer(primary),
    inputId: id(optional),
    state: varchar(16),
    stopReason: varchar(128, optional),
    startedAt: time(),
    endedAt: time(optional),
  }),
  table(
    'inputs',
    {
      id: id(primary),
      sessionId: id(),
      position: integer(),
      turn: integer(optional),
      state: varchar(16),
      content: text(),
      agentMode: varchar(128, optional),
      by: varchar(128),
      createdAt: time(),
      deliveredAt: time(optional),
    },
    { idx_inputs_session: { on: ['sessionId', 'position'], isUnique: true } },
  ),
  table('session_heads', {
    sessionId: id(primary),
    epoch: varchar(16),
    lastSeq: integer(),
    earliestSeq: integer(),
    ownerEpoch: integer(),
    messageCount: integer(),
    ended: boolean(),
  }),
  table(
    'session_events',
    {
      sessionId: id(primary),
      seq: integer(primary),
      id: varchar(256),
      turn: integer(optional),
      type: varchar(128),
      source: varchar(16),
      actor: varchar(128),
      occurredAt: time(),
      recordedAt: time(),
      nativeId: varchar(256, optional),
      hash: varchar(64),
      payload: text(optional),
    },
    { uq_session_events_id: { on: ['sessionId', 'id'], isUnique: true } },
  ),
  table('open_blocks', {
    sessionId: id(primary),
    blockId: varchar(128, primary),
    turn: integer(optional),
    kind: varchar(16),
    body: text(),
    startedAt: time(),
  }),
  table('session_blobs', { sessionId: id(primary), sha256: varchar(64, primary) }),
  table('blobs', { sha256: varchar(64, primary), size: bigint(), mimeType: varchar(128), bytes: { type: bytes } }),
];
