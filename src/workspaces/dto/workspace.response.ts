import { RetentionResponse } from './retention.dto.js';
import { retentionOf } from '../retention-text.js';
import type { WorkspaceEntity } from '../persistence/workspace.entity.js';

/** A project directory on this host. */
export class WorkspaceResponse {
  /** @example '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c' */
  id: string;
  /** @example 'project' */
  name: string;
  /** Absolute, links resolved. @example '/home/me/project' */
  path: string;
  /** How many sessions may be active at once; null: several. @example null */
  maxActiveSessions: number | null;
  /** How long what its sessions' events hold is kept; null: as the instance says. @example null */
  retention: RetentionResponse | null;
  metadata: Record<string, unknown>;
  /** @example 'admin' */
  ownerId: string;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;
  /** @example '2026-11-20T14:00:00.000Z' */
  updatedAt: string;
  /** Counts the changes; in quotes it is the ETag. @example 1 */
  version: number;

  static of(workspace: WorkspaceEntity): WorkspaceResponse {
    const { id, name, path, maxActiveSessions, retention, metadata, ownerId, createdAt, updatedAt, version } = workspace;
    const values = { retention: retentionOf(retention), metadata: jsonObject(metadata) };
    return { id, name, path, maxActiveSessions, ...values, ownerId, createdAt, updatedAt, version };
  }
}

export class WorkspacePageResponse {
  items: WorkspaceResponse[];
  /** Null on the last page. */
  nextCursor: string | null;
  /** Only with `?total=true`. */
  total?: number;
}

export class WorkspaceDeletedResponse {
  /** @example '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c' */
  id: string;
  /** @example true */
  deleted: boolean;
}

function jsonObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return isRecord(value) ? value : {};
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
