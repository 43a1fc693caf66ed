import { CompatPorts } from '../../src/compat/compat-ports.service.js';
import { AoClient, aoEvent } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';

const SYSTEM = 'agent-orchestrator';
const UI = 'http://localhost:5173';

describe.each(DIALECTS)('browsers that call agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let native: string;

  beforeAll(async () => {
    app = await TestApp.start(dialect, {
      MUSTER_COMPAT_PORTS: `${SYSTEM}:0`,
      MUSTER_COMPAT_TRUST: `${SYSTEM}=user:local`,
      MUSTER_COMPAT_ORIGINS: `${SYSTEM}=${UI}, ${SYSTEM}=http://localhost:3000`,
    });
    native = app.get(CompatPorts).urls.get(SYSTEM) ?? '';
  });
  afterAll(() => app?.close());

  const preflight = (base: string, origin: string) =>
    fetch(`${base}/sessions`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'content-type' },
    });

  it('may call the contract from the pages that are named, and nothing else', async () => {
    for (const base of [native, `${app.url}/compat/${SYSTEM}`]) {
      const asked = await preflight(base, UI);
      expect([asked.status, asked.headers.get('access-control-allow-origin'), asked.headers.get('access-control-allow-headers')]).toEqual([
        204,
        UI,
        'content-type',
      ]);
      expect(asked.headers.get('access-control-allow-methods')).toMatch(/PATCH.*DELETE/);
    }
    const page = new AoClient(native, { origin: UI });
    const made = await page.post('/sessions', { session_id: `page-${Math.random()}`, session_name: 'n' });
    expect([made.status, made.headers.get('access-control-allow-origin')]).toEqual([200, UI]);
    expect((await page.get('/sessions/nobody')).headers.get('access-control-allow-origin')).toBe(UI);
    const watching = await page.socket();
    expect(watching.init.length).toBeGreaterThan(0);
    await watching.close();
    expect((await new AoClient(native, { origin: 'http://localhost:3000' }).post('/events', aoEvent('p2', 'session_start'))).status).toBe(
      200,
    );
    const elsewhere = await app.call('POST', '/api/sessions', { body: { runtime: 'external' }, headers: { origin: UI } });
    expect([elsewhere.status, elsewhere.body.code, elsewhere.headers.get('access-control-allow-origin')]).toEqual([
      403,
      'origin_not_allowed',
      null,
    ]);
  });

  it('may not from other pages', async () => {
    for (const origin of ['http://evil.example', 'http://localhost:5174', 'https://localhost:5173', 'null']) {
      expect((await preflight(native, origin)).headers.get('access-control-allow-origin')).toBeNull();
      const page = new AoClient(native, { origin });
      const { status, body, headers } = await page.post('/events', aoEvent('evil', 'session_start'));
      expect([origin, status, body, headers.get('access-control-allow-origin')]).toEqual([
        origin,
        403,
        { detail: expect.any(String) },
        null,
      ]);
      expect((await page.get('/sessions')).headers.get('access-control-allow-origin')).toBeNull();
      await expect(page.socket()).rejects.toThrow(/^403/);
    }
    expect((await new AoClient(native).get('/sessions/evil/status')).body).toEqual({ status: 'not_existent' });
  });
});
