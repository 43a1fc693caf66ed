import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ServerProcess } from '../support/server-process.js';
import { createDatabase } from '../support/databases.js';

describe('the documents of the API', () => {
  it('are served as they are committed, with all that a route must declare', async () => {
    const database = await createDatabase('sqlite');
    const server = await ServerProcess.start(database.environment);
    try {
      for (const name of ['openapi.json', 'asyncapi.json']) {
        const served = await server.call('GET', `/api/${name}`);
        const committed = JSON.parse(readFileSync(resolve(__dirname, '../..', name), 'utf8'));
        expect([name, served.status, served.body]).toEqual([name, 200, committed]);
      }
      const { paths } = (await server.call('GET', '/api/openapi.json')).body;
      const ids = new Set<string>();
      for (const [path, methods] of Object.entries<any>(paths))
        for (const [method, route] of Object.entries<any>(methods)) {
          const where = `${method} ${path}`;
          expect([where, route.summary, route.operationId, route['x-permission']]).toEqual([
            where,
            expect.any(String),
            expect.any(String),
            expect.any(String),
          ]);
          expect([where, ids.has(route.operationId)]).toEqual([where, false]);
          ids.add(route.operationId);
          const statuses = Object.keys(route.responses);
          expect([where, statuses.some((status) => status < '400'), statuses.some((status) => status >= '400')]).toEqual([
            where,
            true,
            true,
          ]);
          const text = JSON.stringify(route);
          expect([where, /"examples?":/.test(text) || statuses.includes('303')]).toEqual([where, true]);
        }
    } finally {
      await server.end();
      await database.drop();
    }
  });
});
