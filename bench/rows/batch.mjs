import { child } from '../support/children.mjs';
import { median, row, spread } from '../support/figures.mjs';
import { requestBytes, withLinks } from '../support/http-link.mjs';
import { closedLoop, eventText, interleaved, renewable } from '../support/load.mjs';
import { Server } from '../support/server.mjs';

const BATCH = 100;
const CONNECTIONS = 16;

export function batchAppends(server, { options, sessions = server.sessions, connections = CONNECTIONS }) {
  const body = `{"events":[${Array.from({ length: BATCH }, () => eventText(options.type)).join(',')}]}`;
  const requests = sessions.map((id) => renewable(requestBytes('POST', `/api/sessions/${id}/events`, server.key, body).bytes));
  let turn = 0;
  const next = () => requests[turn++ % requests.length]();
  return () =>
    withLinks(server, connections, async (links) => {
      const { perSecond, cpuUs } = await closedLoop({ server, links, next, seconds: options.seconds, status: 200 });
      return { perSecond: perSecond * BATCH, cpuUs: cpuUs / BATCH };
    });
}

/** A database with a server's tables and sessions, and a process that writes straight into it. */
export async function bareStore({ options, dialect }) {
  const server = await Server.start({ options: { ...options, profileDir: undefined }, dialect });
  await server.stop({ keep: true });
  const store = child('bare-store.mjs');
  const { file, url } = server.database;
  const run = (size) =>
    store.ask('run', { file, url, sessions: server.sessions, batch: size, seconds: options.seconds, type: options.type });
  return {
    run,
    stop: async () => {
      await store.stop();
      await server.database.drop();
    },
  };
}

/** 3: batches, beside the bare store. */
export async function batch({ options, dialect }) {
  const server = await Server.start({ options, dialect });
  const bare = await bareStore({ options, dialect });
  try {
    const muster = batchAppends(server, { options });
    const results = await interleaved({ muster, bare: () => bare.run(BATCH) }, options);
    const rates = (name) => results[name].map(({ perSecond }) => perSecond);
    return [
      row({
        bar: 3,
        what: `batches of ${BATCH}, HTTP, ${CONNECTIONS} connections`,
        database: dialect,
        measured: median(rates('muster')),
        unit: 'events/s',
        peer: median(rates('bare')),
        peerWhat: 'the bare store, a transaction a batch',
        ratio: median(results.muster.map(({ perSecond }, index) => perSecond / results.bare[index].perSecond)),
        least: 0.5,
        notes: `CPU ${median(results.muster.map(({ cpuUs }) => cpuUs)).toFixed(1)} us an event; spread ${Math.round(spread(rates('muster')) * 100)} %`,
        rounds: { muster: rates('muster'), bare: rates('bare') },
      }),
    ];
  } finally {
    await bare.stop();
    await server.stop();
  }
}
