import { existsSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.js';

type Call = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: any }>;

/** What one does with a session of the demo agent that asks. */
export const bench = (call: Call, workspace: { id: string; path: string }) => {
  const events = async (id: string): Promise<any[]> => (await call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;
  return {
    ask: async (fields: object): Promise<any> => {
      const { status, body } = await call('POST', '/api/sessions', { workspaceId: workspace.id, agent: 'demo', ...fields });
      if (status !== 201) throw new Error(JSON.stringify(body));
      return body;
    },
    get: (id: string) => () => call('GET', `/api/sessions/${id}`),
    events,
    /** The question that the session waits for. */
    pending: (id: string): Promise<any> =>
      eventually(async () => (await call('GET', `/api/sessions/${id}/approvals?status=pending`)).body.items[0], Boolean, 30_000),
    decide: (id: string, decision: object) => call('POST', `/api/approvals/${id}/decide`, decision),
    /** The approvals, statuses and turns of its log, in order. */
    story: async (id: string) =>
      (await events(id)).flatMap(({ type, payload }) =>
        type === 'approval' || type === 'turn' ? [`${type} ${payload.state}`] : type === 'status' ? [payload.to] : [],
      ),
  };
};
/** How often a command has left its line in a file. */
export const ran = (path: string): number => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0);
