import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.js';

export interface Caller {
  call(method: string, path: string, options?: any): Promise<{ status: number; body: any }>;
}

/** A workspace of its own below `dataDir`. */
export async function makeWorkspace(
  post: (path: string, body: unknown) => Promise<{ status: number; body: any }>,
  dataDir: string,
  name: string,
): Promise<{ id: string; path: string }> {
  const path = join(dataDir, 'projects', name);
  mkdirSync(path, { recursive: true });
  const { status, body } = await post('/api/workspaces', { path, name });
  if (status !== 201) throw new Error(`POST /api/workspaces answered ${status}: ${JSON.stringify(body)}`);
  return { id: body.id, path: realpathSync(path) };
}

/** Waits until a session has one of these statuses. */
export const untilStatus = (get: () => Promise<{ body: any }>, ...statuses: string[]): Promise<any> =>
  eventually(
    async () => (await get()).body,
    (session) => statuses.includes(session.status),
    30_000,
  );
