import { newId } from '../core/ids.js';
import type { SessionEntity } from './persistence/session.entity.js';

type Given =
  | 'source'
  | 'workspaceId'
  | 'name'
  | 'agent'
  | 'runtime'
  | 'status'
  | 'origin'
  | 'projectDir'
  | 'mcpServers'
  | 'metadata'
  | 'policy'
  | 'launch'
  | 'ownerId';

/** The row of a new session: what is not given has not happened yet. */
export const newSessionRow = (nowIso: string, fields: Pick<SessionEntity, Given> & Partial<SessionEntity>): SessionEntity => ({
  id: newId(),
  externalId: null,
  mode: null,
  modeRules: null,
  parentId: null,
  groupId: null,
  forkedFromId: null,
  forkedAtSeq: null,
  resumedFromId: null,
  agentSessionId: null,
  model: null,
  agentMode: null,
  phase: null,
  step: null,
  state: '{}',
  isolation: 'none',
  ownerNode: null,
  processId: null,
  processStartedAt: null,
  exitCode: null,
  exitSignal: null,
  endReason: null,
  stopRequestedAt: null,
  suspendRequestedAt: null,
  contextDue: null,
  lastMessagePreview: null,
  lastMessageSeq: null,
  usageInput: 0,
  usageOutput: 0,
  usageCacheRead: 0,
  usageCacheWrite: 0,
  usageCostUsd: 0,
  createdAt: nowIso,
  startedAt: null,
  endedAt: null,
  lastResumedAt: null,
  updatedAt: nowIso,
  version: 1,
  ...fields,
});
