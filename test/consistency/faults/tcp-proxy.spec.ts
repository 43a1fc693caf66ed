import { connect, createServer, type Server, type Socket } from 'node:net';
import { eventually } from '../../support/eventually.js';
import { TcpProxy } from './tcp-proxy.js';

describe('the proxy that breaks connections', () => {
  let echo: Server;
  const served = new Set<Socket>();
  let proxy: TcpProxy;
  let client: Socket;
  let received: string;
  let end: string | undefined;

  beforeAll(async () => {
    echo = createServer((socket) => {
      served.add(socket);
      socket.on('error', () => undefined).on('data', (chunk) => socket.write(chunk));
      socket.on('close', () => served.delete(socket));
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => echo.close(resolve)));

  beforeEach(async () => {
    const address = echo.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxy = await TcpProxy.listen(address.port, () => 0.5);
    received = '';
    end = undefined;
    client = connect(proxy.port, '127.0.0.1');
    client.on('data', (chunk) => (received += chunk.toString()));
    client.on('end', () => (end ??= 'end')).on('error', (error: NodeJS.ErrnoException) => (end = error.code));
    await new Promise((resolve) => client.once('connect', resolve));
    client.write('hello ');
    await eventually(() => received === 'hello ');
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close();
    await eventually(() => served.size === 0);
  });

  it('passes everything on, and the end behind it', async () => {
    const text = 'x'.repeat(3_000_000);
    client.end(text);
    await eventually(() => received.length === text.length + 6 && end === 'end');
  });

  it('holds one direction, and delivers it late', async () => {
    proxy.set({ kind: 'hold' }, 'to-client');
    client.write('late');
    await eventually(() => [...served].some((socket) => socket.bytesRead === 10));
    expect(received).toBe('hello ');
    proxy.heal();
    await eventually(() => received === 'hello late');
  });

  it('leaves those alone whom it is not to meet', async () => {
    proxy.set({ kind: 'hold' }, 'both', 0.4);
    client.write('on');
    await eventually(() => received === 'hello on');
  });

  it.each([
    { kind: 'delay', ms: 30 },
    { kind: 'trickle', bytes: 3, everyMs: 5 },
  ] as const)('keeps bytes and their order: $kind', async (weather) => {
    proxy.set(weather);
    for (const part of ['a', 'bcdefg', 'hijk']) client.write(part);
    await eventually(() => received === 'hello abcdefghijk');
  });

  it.each([
    ['end', 'end'],
    ['reset', 'ECONNRESET'],
  ] as const)('cuts a connection: %s', async (how, seen) => {
    proxy.cut(how);
    await eventually(() => end === seen && served.size === 0);
  });

  it('refuses who comes, until it is healed', async () => {
    proxy.refuse();
    await eventually(() => end === 'ECONNRESET');
    const outcome = () =>
      new Promise<string>((resolve) => {
        const other = connect(proxy.port, '127.0.0.1', () => other.write('x'));
        other.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
        other.on('data', () => (other.destroy(), resolve('answered')));
      });
    expect(await outcome()).not.toBe('answered');
    proxy.heal();
    expect(await outcome()).toBe('answered');
  });
});
