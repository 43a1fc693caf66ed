import { ApprovalRequests } from '../../src/approvals/approval-requests.service.js';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

describe.each(DIALECTS)('hooks that are held while the server ends on %s', (dialect) => {
  it('are answered empty and given up; what a killed server left is given up by the next one', async () => {
    const database = await createDatabase(dialect);
    let app = await TestApp.start(dialect, {}, database);
    try {
      const call = { tool_name: 'Bash', tool_input: { command: 'make' } };
      const send = (event: string, query = '') =>
        app.call('POST', `/api/hooks/claude-code${query}`, { body: { session_id: 'n', hook_event_name: event, ...call, prompt: 'go' } });
      await send('UserPromptSubmit');
      const held = send('PermissionRequest', '?wait=600');
      const asked = await eventually<any>(async () => (await app.call('GET', '/api/approvals?status=pending')).body.items[0]);
      // As one whose holder was killed: nobody will answer it.
      const left = await app.get(ApprovalRequests).request({
        id: 'left-behind',
        sessionId: asked.sessionId,
        turn: 1,
        source: 'hook',
        actor: 'admin',
        kind: 'execute',
        title: 'Bash make',
        toolCallId: 'other',
        toolCall: {},
        options: [{ optionId: 'allow_once', name: 'Allow', kind: 'allow_once' }],
        takesEdits: false,
        hostId: null,
        requestId: null,
        timeoutMs: 600_000,
      });
      expect(left?.status).toBe('pending');
      await app.close();
      expect(await held).toMatchObject({ status: 200, body: {} });

      app = await TestApp.start(dialect, {}, database);
      const states = async () => (await app.call('GET', '/api/sessions/ext:n/approvals')).body.items.map(({ status }: any) => status);
      expect(await eventually(states, (all) => !all.includes('pending'))).toEqual(['cancelled', 'cancelled']);
      expect((await app.call('GET', '/api/sessions/ext:n')).body.status).toBe('running');
    } finally {
      await app.close();
      await database.drop();
    }
  });
});
