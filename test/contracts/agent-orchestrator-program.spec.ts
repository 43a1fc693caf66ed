import { AoClient } from '../support/ao-client.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';

const SYSTEM = 'agent-orchestrator';

describe('the program that serves agent-orchestrator', () => {
  let database: TestDatabase;
  beforeAll(async () => (database = await createDatabase('sqlite')));
  afterAll(() => database?.drop());

  it('says where the contract is, logs no key of a path, and ends with a sentence where a port is taken', async () => {
    const server = await ServerProcess.start({ ...database.environment, MUSTER_COMPAT_PORTS: `${SYSTEM}:0`, MUSTER_LOG_LEVEL: 'trace' });
    try {
      const native = /agent-orchestrator: (http:\S+)/.exec(server.log)?.[1] ?? '';
      const client = new AoClient(`${native}/key/${server.key}`);
      expect((await client.get('/sessions')).body).toEqual({ sessions: [] });
      await client.get('/nowhere');
      await client.post('/sessions', '{');
      const watching = await client.socket();
      await watching.close();
      const wrong = 'mst_pat_THISisNOaKEYbutAsecretAllTheSame0000';
      await new AoClient(`${native}/key/${wrong}`).get('/sessions');
      await expect(new AoClient(`${native}/key/${wrong}`).socket()).rejects.toThrow(/^401/);
      await eventually(() => server.log.includes('/compat/agent-orchestrator/sessions'));
      await eventually(() => server.log.includes('"status":401'));
      const logged = server.log
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .join('\n');
      expect(logged).not.toContain(server.key);
      expect(logged).not.toContain(wrong);
      const second = await createDatabase('sqlite');
      try {
        const port = new URL(native).port;
        await expect(ServerProcess.start({ ...second.environment, MUSTER_COMPAT_PORTS: `${SYSTEM}:${port}` })).rejects.toThrow(
          new RegExp(
            `muster: MUSTER_COMPAT_PORTS: can't listen on 127.0.0.1:${port} for agent-orchestrator \\(EADDRINUSE\\)\\.[^\\n]*\\n$`,
          ),
        );
      } finally {
        await second.drop();
      }
    } finally {
      await server.end();
    }
  });
});
