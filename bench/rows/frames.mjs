import { median, row, spread } from '../support/figures.mjs';
import { eventText, interleaved, NO_ID, renewable } from '../support/load.mjs';
import { Server } from '../support/server.mjs';
import { clientFrame, WsLink } from '../support/ws-link.mjs';
import { singleAppends } from './append.mjs';

const CONNECTIONS = 100;
const IN_FLIGHT = 8;
const STORED = Buffer.from('"duplicate":false');

/** Reporters of one session each, one event a frame, several frames under way. */
export async function frameAppends(server, { options, connections = CONNECTIONS, inFlight = IN_FLIGHT, sessions = server.sessions }) {
  const links = await Promise.all(Array.from({ length: connections }, () => WsLink.open(server.port, server.key)));
  const frames = links.map((_, index) => {
    const text = `{"type":"append","id":1,"sessionId":"${sessions[index % sessions.length]}","events":[${eventText(options.type)}]}`;
    if (!text.includes(NO_ID)) throw new Error('unreachable');
    return renewable(clientFrame(1, Buffer.from(text)));
  });
  const run = async () => {
    let count = 0;
    const cpu = server.cpu;
    const start = performance.now();
    const until = start + options.seconds * 1_000;
    await Promise.all(
      links.map(
        (link, index) =>
          new Promise((done, fail) => {
            let underWay = 0;
            const send = () => {
              underWay += 1;
              link.sendBytes(frames[index]());
            };
            link.onFrame = (data, from, end) => {
              if (!data.subarray(from, end).includes(STORED)) return fail(new Error(data.toString('utf8', from, end)));
              count += 1;
              underWay -= 1;
              if (performance.now() < until) send();
              else if (underWay === 0) done();
            };
            link.onClose = () => fail(new Error('The server closed a WebSocket.'));
            for (let at = 0; at < inFlight; at++) send();
          }),
      ),
    );
    const took = (performance.now() - start) / 1_000;
    return { perSecond: count / took, cpuUs: ((server.cpu - cpu) / count) * 1e6 };
  };
  return Object.assign(run, { close: () => links.forEach((link) => link.destroy()) });
}

/** 2: appends over WebSocket beside single appends over HTTP, on the same server. */
export async function frames({ options, dialect }) {
  const server = await Server.start({ options, dialect });
  try {
    const sides = { frames: await frameAppends(server, { options }), singles: singleAppends(server, { options }) };
    const results = await interleaved(sides, options);
    sides.frames.close();
    const rates = (name) => results[name].map(({ perSecond }) => perSecond);
    const cpu = (name) => Math.round(median(results[name].map(({ cpuUs }) => cpuUs)));
    return [
      row({
        bar: 2,
        what: `append frames, ${CONNECTIONS} WebSockets, ${IN_FLIGHT} under way each`,
        database: dialect,
        measured: median(rates('frames')),
        unit: 'events/s',
        peer: median(rates('singles')),
        peerWhat: 'single appends over HTTP',
        ratio: median(results.frames.map(({ perSecond }, index) => perSecond / results.singles[index].perSecond)),
        least: 3,
        notes: `CPU ${cpu('frames')} and ${cpu('singles')} us; spread ${Math.round(spread(rates('frames')) * 100)} %`,
        rounds: { frames: rates('frames'), singles: rates('singles') },
      }),
    ];
  } finally {
    await server.stop();
  }
}
