import type { Browser, Page } from 'playwright-core';
import { describeWithChromium, launchChromium } from '../support/chromium.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { ServerProcess } from '../support/server-process.js';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

describeWithChromium('Swagger UI in a browser', () => {
  let database: TestDatabase;
  let server: ServerProcess;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    server = await ServerProcess.start(database.environment);
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1200, height: 1400 } });
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.end();
    await database?.drop();
  });

  /** Opens an operation, writes its body, executes it, and gives the status and body that came. */
  async function tryOut(operationId: string, body: unknown): Promise<{ status: string; body: any }> {
    const block = page.locator(`.opblock[id$="-${operationId}"]`);
    await block.locator('.opblock-summary-control').click();
    const editor = block.locator('textarea.body-param__text');
    await editor.fill(JSON.stringify(body));
    await block.getByRole('button', { name: 'Execute' }).click();
    const answer = block.locator('.live-responses-table .response').first();
    await answer.waitFor();
    const status = (await answer.locator('.response-col_status').textContent())?.trim().slice(0, 3) ?? '';
    return {
      status,
      body: JSON.parse((await answer.locator('.response-col_description .highlight-code code').first().textContent()) ?? ''),
    };
  }

  it('is reached signed in by the printed link, and its "Try it out" makes a workspace and a session', async () => {
    const link = /https?:\S+\/api\/login\?code=\S+/.exec(server.log)?.[0] ?? '';
    await page.goto(link);
    expect(page.url()).toBe(`${server.url}/api/docs`);
    await page.locator('.opblock').first().waitFor();
    const path = join(database.dataDir, 'project');
    mkdirSync(path);
    const workspace = await tryOut('createWorkspace', { path });
    expect(workspace).toMatchObject({ status: '201', body: { path } });
    const session = await tryOut('createSession', { workspaceId: workspace.body.id, agent: 'demo', prompt: 'say:hello' });
    expect(session).toMatchObject({ status: '201', body: { status: 'queued', agent: 'demo' } });
    if (process.env.MUSTER_TEST_SCREENSHOTS) await page.screenshot({ path: join(process.env.MUSTER_TEST_SCREENSHOTS, 'swagger.png') });
    expect(problems).toEqual([]);
  }, 90_000);
});
