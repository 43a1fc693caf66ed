import { child, listening } from '../support/children.mjs';
import { median, row, spread } from '../support/figures.mjs';
import { HttpLink, requestBytes } from '../support/http-link.mjs';
import { eventText, interleaved, renewable } from '../support/load.mjs';
import { Server } from '../support/server.mjs';

const READERS = 500;
const BATCH = 100;

/** Batches to one session, each sent when all readers have the one before the last: the server always has something to send, and never too much. */
async function flood({ server, readers, batches, request, status }) {
  const link = await HttpLink.open(server.port);
  const { least } = await readers.ask('counts');
  const { frames, events } = await readers.ask('counts');
  const cpu = server.cpu;
  const start = performance.now();
  for (let batch = 0; batch < batches; batch++) {
    const answer = await link.request(request());
    if (answer.status !== status) throw new Error(`Answered ${answer.status}: ${answer.body.toString()}`);
    await readers.ask('until', { count: least + (batch + (batch === batches - 1 ? 1 : 0)) * BATCH });
  }
  const took = (performance.now() - start) / 1_000;
  link.close();
  const after = await readers.ask('counts');
  const sent = after.events - events;
  return {
    perSecond: sent / took,
    cpuUs: ((server.cpu - cpu) / sent) * 1e6,
    eventsAFrame: sent / (after.frames - frames),
  };
}

async function side(server, { request, status = 200, batches }) {
  const readers = child('readers.mjs');
  await readers.ask('open', { port: server.port, key: server.key, count: READERS, sessions: server.sessions.slice(0, 1) });
  return { readers, run: () => flood({ server, readers, batches, request, status }) };
}

/** 6: the same frames to the same readers, by Muster and by a loop over `ws` that does nothing else. */
export async function broadcast({ options }) {
  const batches = options.isQuick ? 5 : 15;
  const rows = [];
  for (const [what, tune] of [
    ['one event a frame', { frameEvents: 1 }],
    ['gathered', {}],
  ]) {
    const server = await Server.start({ options, dialect: 'sqlite', tune, sessions: 1 });
    const bare = await listening('bare-broadcast.mjs');
    const opened = [];
    try {
      const body = `{"events":[${Array.from({ length: BATCH }, () => eventText(options.type)).join(',')}]}`;
      const request = renewable(requestBytes('POST', `/api/sessions/${server.sessions[0]}/events`, server.key, body).bytes);
      const muster = await side(server, { request, batches });
      opened.push(muster);
      await muster.readers.ask('capture');
      await flood({ server, readers: muster.readers, batches: 1, request, status: 200 });
      const { frames } = await muster.readers.ask('captured');
      const link = await HttpLink.open(bare.port);
      await link.request(requestBytes('POST', '/frames', bare.key, JSON.stringify(frames)).bytes);
      link.close();
      const loop = await side(bare, { request: () => requestBytes('POST', '/send', bare.key, '{}').bytes, status: 201, batches });
      opened.push(loop);
      const results = await interleaved({ muster: muster.run, loop: loop.run }, options);
      const rates = (name) => results[name].map(({ perSecond }) => perSecond);
      const cpu = (name) => median(results[name].map(({ cpuUs }) => cpuUs)).toFixed(1);
      rows.push(
        row({
          bar: 6,
          what: `broadcast to ${READERS} readers, ${what}`,
          measured: median(rates('muster')),
          unit: 'events/s',
          peer: median(rates('loop')),
          peerWhat: 'a bare ws loop, same frames',
          ratio: median(results.muster.map(({ perSecond }, index) => perSecond / results.loop[index].perSecond)),
          least: 0.7,
          notes: `CPU ${cpu('muster')} and ${cpu('loop')} us an event and reader; ${results.muster[0].eventsAFrame.toFixed(1)} events a frame; spread ${Math.round(spread(rates('muster')) * 100)} %`,
          rounds: { muster: rates('muster'), loop: rates('loop') },
        }),
      );
    } finally {
      for (const { readers } of opened) await readers.stop();
      await bare.stop();
      await server.stop();
    }
  }
  return rows;
}
