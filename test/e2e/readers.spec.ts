import { WebSocket } from 'ws';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { seeded, SEED } from '../support/random.js';
import { ServerProcess } from '../support/server-process.js';

const READERS = 50;
const EVENTS = 20_000;
const BATCH = 100;

/** Reads one session over sockets that it destroys at random moments, each time going on from its cursor. */
class Reader {
  private received = 0;
  private cursor = '0';
  connections = 0;
  private socket: WebSocket | undefined;

  constructor(
    private readonly server: ServerProcess,
    private readonly sessionId: string,
    private readonly random: () => number,
  ) {}

  /** Resolves when it has seen 1..`last`; rejects at the first gap, duplicate or reorder. */
  readTo(last: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const connect = (): void => {
        this.connections++;
        const socket = new WebSocket(`${this.server.url.replace('http', 'ws')}/api/ws`, {
          headers: { authorization: `Bearer ${this.server.key}` },
        });
        this.socket = socket;
        let framesLeft = this.random() < 0.8 ? 1 + Math.floor(this.random() * 25) : Infinity;
        socket.on('error', () => undefined);
        socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: '1', sessionId: this.sessionId, after: this.cursor })));
        socket.on('close', () => this.socket === socket && setImmediate(connect));
        socket.on('message', (data: Buffer) => {
          if (this.socket !== socket) return;
          const frame = JSON.parse(data.toString());
          if (frame.type === 'error' || frame.type === 'resync_required')
            return reject(new Error(`${data.toString()} at cursor ${this.cursor}`));
          if (frame.type !== 'events') return;
          if (frame.prev !== this.received) return reject(new Error(`prev ${frame.prev} follows ${this.received}`));
          for (const { seq } of frame.events) if (seq !== ++this.received) return reject(new Error(`${seq} in place of ${this.received}`));
          this.cursor = frame.cursor;
          if (this.received === last) {
            this.socket = undefined;
            socket.close();
            return resolve();
          }
          if (--framesLeft <= 0) {
            // The reader is gone in the middle of whatever the server sends.
            socket.terminate();
          }
        });
      };
      connect();
    });
  }
}

describe.each(DIALECTS)('readers that come and go on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess;

  beforeAll(async () => {
    database = await createDatabase(dialect);
    server = await ServerProcess.start({ ...database.environment, MUSTER_LOG_LEVEL: 'warn' });
  });
  afterAll(async () => {
    await server?.end();
    await database.drop();
  });

  it(`each get exactly 1..n of a run of ${EVENTS} events (seed ${SEED})`, async () => {
    const random = seeded(SEED);
    const session = (await server.call('POST', '/api/sessions', { runtime: 'external' })).body;
    const readers = Array.from({ length: READERS }, () => new Reader(server, session.id, seeded(Math.floor(random() * 2 ** 31))));
    const reading = readers.map((reader) => reader.readTo(EVENTS));
    const failed = Promise.all(reading);
    failed.catch(() => undefined);
    // The first event is the session's own status.
    for (let sent = 1; sent < EVENTS;) {
      const count = Math.min(1 + Math.floor(random() * BATCH), EVENTS - sent);
      const events = Array.from({ length: count }, (_, index) => ({
        type: 'log',
        payload: { level: 'info', text: `event ${sent + index}` },
      }));
      const { status } = await server.call('POST', `/api/sessions/${session.id}/events`, { events });
      expect(status).toBe(200);
      sent += count;
    }
    await failed;
    expect(readers.reduce((sum, { connections }) => sum + connections, 0)).toBeGreaterThan(READERS * 3);
  }, 180_000);
});
