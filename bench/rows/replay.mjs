import { connect } from 'node:net';
import { median, row, spread } from '../support/figures.mjs';
import { fill } from '../support/fill.mjs';
import { HttpLink, requestBytes } from '../support/http-link.mjs';
import { interleaved } from '../support/load.mjs';
import { Server } from '../support/server.mjs';
import { WsLink } from '../support/ws-link.mjs';

const EVENT = Buffer.from('"seq":');
const CAUGHT_UP = Buffer.from('"type":"caught_up"');

/** How many events a text holds; a payload of the bench never has this in it. */
export function eventsIn(data, from, end) {
  let count = 0;
  for (let at = data.indexOf(EVENT, from); at >= 0 && at < end; at = data.indexOf(EVENT, at + EVENT.length)) count += 1;
  return count;
}

async function overWebSocket(server, sessionId, expected) {
  const link = await WsLink.open(server.port, server.key);
  let count = 0;
  let bytes = 0;
  const start = performance.now();
  await new Promise((done, fail) => {
    link.onFrame = (data, from, end) => {
      count += eventsIn(data, from, end);
      bytes += end - from;
      if (end - from < 300 && data.subarray(from, end).includes(CAUGHT_UP)) done();
    };
    link.onClose = () => fail(new Error('The server closed the WebSocket.'));
    link.send(JSON.stringify({ type: 'subscribe', sessionId, after: '0' }));
  });
  const took = performance.now() - start;
  link.destroy();
  if (count !== expected) throw new Error(`${count} events came, not ${expected}.`);
  return { perSecond: (count / took) * 1_000, bytes };
}

async function overSse(server, sessionId, expected) {
  const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true });
  await new Promise((done, fail) => socket.once('connect', done).once('error', fail));
  let count = 0;
  let tail = Buffer.alloc(0);
  const start = performance.now();
  await new Promise((done, fail) => {
    socket.on('data', (chunk) => {
      // What is cut in two by the end of a chunk is found in the next.
      const data = Buffer.concat([tail, chunk]);
      count += eventsIn(data, 0, data.length);
      if (data.includes(CAUGHT_UP)) done();
      tail = data.subarray(Math.max(0, data.length - EVENT.length + 1));
    });
    socket.on('close', () => fail(new Error('The server closed the stream.')));
    socket.write(requestBytes('GET', `/api/sessions/${sessionId}/events/stream?after=0`, server.key).bytes);
  });
  const took = performance.now() - start;
  socket.removeAllListeners('close').destroy();
  if (count !== expected) throw new Error(`${count} events came, not ${expected}.`);
  return { perSecond: (count / took) * 1_000 };
}

async function overPages(server, sessionId, expected) {
  const link = await HttpLink.open(server.port);
  let count = 0;
  let after = '0';
  const start = performance.now();
  while (count < expected) {
    const { bytes } = requestBytes('GET', `/api/sessions/${sessionId}/events?limit=1000&after=${after}`, server.key);
    const { status, body } = await link.request(bytes);
    if (status !== 200) throw new Error(body.toString());
    count += eventsIn(body, 0, body.length);
    after = /"cursor":"([^"]+)","nextCursor"/.exec(body.toString('latin1', body.length - 300))[1];
  }
  link.close();
  return { perSecond: (count / (performance.now() - start)) * 1_000 };
}

/** 7: one reader that catches up on a long log. */
export async function replay({ options, dialect }) {
  const expected = options.isQuick ? 100_000 : 300_000;
  const before = await Server.start({ options: { ...options, profileDir: undefined }, dialect, sessions: 2 });
  await before.stop({ keep: true });
  const [sessionId] = before.sessions;
  await fill(before, [sessionId], expected - 1, options.type);
  const server = await Server.start({ options, dialect, after: before });
  try {
    // The first event of a session is Muster's own or there is none: what is there is what must come.
    const { lastSeq } = await headOf(server, sessionId);
    const sides = {
      WebSocket: () => overWebSocket(server, sessionId, lastSeq),
      SSE: () => overSse(server, sessionId, lastSeq),
      'HTTP pages of 1,000': () => overPages(server, sessionId, lastSeq),
    };
    const results = await interleaved(sides, { rounds: Math.min(3, options.rounds) });
    return Object.keys(sides).map((name) => {
      const rates = results[name].map(({ perSecond }) => perSecond);
      return row({
        bar: 7,
        what: `replay of ${lastSeq.toLocaleString('en-US')} events, one reader, ${name}`,
        database: dialect,
        measured: median(rates),
        unit: 'events/s',
        least: name === 'WebSocket' ? 150_000 : undefined,
        notes: `spread ${Math.round(spread(rates) * 100)} %`,
        rounds: rates,
      });
    });
  } finally {
    await server.stop();
  }
}

/** Where a log stands. */
export async function headOf(server, sessionId) {
  const { cursor } = await server.call(`/api/sessions/${sessionId}`, undefined, { method: 'GET' });
  const [epoch, seq] = cursor.split('.');
  return { epoch, lastSeq: Number(seq) };
}
