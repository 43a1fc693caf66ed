import { createServer, type Server } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../../test/support/eventually.js';
import { UnavailableError } from '../errors/domain.error.js';
import { keepAlive } from './heartbeat.js';
import { UpgradeDoor } from './upgrade-door.service.js';

describe('UpgradeDoor', () => {
  let server: Server;
  let door: UpgradeDoor;
  let origin: string;

  beforeEach(async () => {
    server = createServer((_request, response) => void response.end('plain'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    origin = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const host: any = { httpAdapter: { getHttpServer: () => server } };
    door = new UpgradeDoor(host);
  });
  afterEach(async () => {
    await door.beforeApplicationShutdown();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const echo = (path: string) => ({
    path,
    admit: async () => (socket: WebSocket) => void socket.on('message', (data: Buffer) => socket.send(`${path} ${data.toString()}`)),
  });

  const talk = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${origin}${path}`);
      socket.on('open', () => socket.send('hi'));
      socket.on('message', (data: Buffer) => (resolve(data.toString()), socket.close()));
      socket.on('unexpected-response', (_request, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve(`${response.statusCode} ${response.headers['content-type']} ${body}`));
      });
      socket.on('error', reject);
    });

  it('routes by exact path, and answers others with 404 where nobody else listens', async () => {
    door.register(echo('/one'));
    door.register(echo('/two'));
    door.onApplicationBootstrap();
    expect(await talk('/one?x=1')).toBe('/one hi');
    expect(await talk('/two')).toBe('/two hi');
    expect(await talk('/one/more')).toMatch(/^404 application\/problem\+json.*route_not_found/);
    expect(() => door.register(echo('/one'))).toThrow('Two WebSocket endpoints');
  });

  it('keeps out of the way of another adapter, which would destroy what it does not know', async () => {
    const theirs = new WebSocketServer({ server, path: '/theirs' });
    theirs.on('connection', (socket) => socket.on('message', () => socket.send('theirs')));
    door.register({
      path: '/ours',
      admit: async () => (
        await new Promise((resolve) => setImmediate(resolve)),
        (socket: WebSocket) => void socket.on('message', () => socket.send('ours'))
      ),
    });
    door.onApplicationBootstrap();
    const later = new WebSocketServer({ server, path: '/later' });
    later.on('connection', (socket) => socket.on('message', () => socket.send('later')));
    expect(await talk('/ours')).toBe('ours');
    // Two `ws` servers on one HTTP server refuse each other's sockets; that is theirs to solve. Ours is not touched.
    theirs.close();
    expect(await talk('/later')).toBe('later');
    later.close();
  });

  it('answers what the endpoint refuses as problem details, and outlives a peer that hangs up meanwhile', async () => {
    let release: () => void = () => undefined;
    let asked = 0;
    door.register({
      path: '/no',
      admit: async () => {
        asked += 1;
        await new Promise<void>((resolve) => (release = resolve));
        throw new UnavailableError('not now', { remedy: 'later' });
      },
    });
    door.onApplicationBootstrap();
    const answer = talk('/no');
    await eventually(() => asked === 1);
    release();
    expect(await answer).toMatch(/^503 application\/problem\+json.*"code":"unavailable".*"remedy":"later"/);

    const socket = connectTcp({ host: '127.0.0.1', port: Number(origin.split(':')[1]) });
    socket.write(
      `GET /no HTTP/1.1\r\nHost: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await eventually(() => asked === 2);
    socket.resetAndDestroy();
    release();
    await expect(fetch(`http://${origin}/`).then((response) => response.text())).resolves.toBe('plain');
  });

  it('answers a request that is no WebSocket handshake', async () => {
    door.register(echo('/one'));
    door.onApplicationBootstrap();
    const socket = connectTcp({ host: '127.0.0.1', port: Number(origin.split(':')[1]) });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write(`GET /one HTTP/1.1\r\nHost: ${origin}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`);
    await eventually(() => text.startsWith('HTTP/1.1 400'));
    socket.destroy();
  });

  it('tells everybody at shutdown, cuts who does not answer, and lets nobody in', async () => {
    door.register(echo('/one'));
    door.onApplicationBootstrap();
    const polite = new WebSocket(`ws://${origin}/one`);
    const deaf = new WebSocket(`ws://${origin}/one`);
    await Promise.all([polite, deaf].map((socket) => new Promise((resolve) => socket.once('open', resolve))));
    deaf.pause();
    const closed = new Promise((resolve) => polite.once('close', (code, reason) => resolve([code, reason.toString()])));
    await door.beforeApplicationShutdown();
    expect(await closed).toEqual([1001, 'server is shutting down']);
    expect(await talk('/one')).toMatch(/^503/);
    deaf.terminate();
  });

  it('closes a frame over 8 MiB with 1009', async () => {
    door.register(echo('/one'));
    door.onApplicationBootstrap();
    const socket = new WebSocket(`ws://${origin}/one`);
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.send('x'.repeat(8 * 1024 * 1024 + 1));
    expect(await closed).toBe(1009);
  });

  it('finds a peer that does not answer pings, and lets others live', async () => {
    const dead: string[] = [];
    const watch = (name: string) => ({
      path: `/${name}`,
      admit: async () => (socket: WebSocket) =>
        keepAlive(socket, {
          everyMs: 300,
          pongWithinMs: 290,
          isExcused: () => name === 'excused',
          onDead: () => void dead.push(name),
        }),
    });
    door.register(watch('well'));
    door.register(watch('deaf'));
    door.register(watch('excused'));
    door.onApplicationBootstrap();
    let pings = 0;
    const well = new WebSocket(`ws://${origin}/well`);
    well.on('ping', () => void pings++);
    const deaf = new WebSocket(`ws://${origin}/deaf`, { autoPong: false });
    const excused = new WebSocket(`ws://${origin}/excused`, { autoPong: false });
    await eventually(() => dead.length > 0 && pings > 3);
    expect(new Set(dead)).toEqual(new Set(['deaf']));
    well.terminate();
    deaf.terminate();
    excused.terminate();
  });
});
