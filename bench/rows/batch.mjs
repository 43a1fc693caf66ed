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

/** 3: batches, beside the store by itself, and beside plain SQL. */
export async function batch({ options, dialect }) {
  const server = await Server.start({ options, dialect });
  const sql = await bareStore({ options, dialect });
  try {
    const { seconds, type } = options;
    const results = await interleaved(
      {
        muster: batchAppends(server, { options }),
        store: () => server.ask({ what: 'append', sessions: server.sessions, batch: BATCH, callers: CONNECTIONS, seconds, type }),
        sql: () => sql.run(BATCH),
      },
      options,
    );
    const rates = (name) => results[name].map(({ perSecond }) => perSecond);
    const beside = (peer, peerWhat) => ({
      bar: 3,
      database: dialect,
      measured: median(rates('muster')),
      unit: 'events/s',
      peer: median(rates(peer)),
      peerWhat,
      ratio: median(results.muster.map(({ perSecond }, index) => perSecond / results[peer][index].perSecond)),
      rounds: { muster: rates('muster'), [peer]: rates(peer) },
    });
    return [
      row({
        ...beside('store', 'the store by itself: the same batches given to EventLog.append'),
        what: `batches of ${BATCH}, HTTP, ${CONNECTIONS} connections`,
        least: 0.5,
        notes: `CPU ${median(results.muster.map(({ cpuUs }) => cpuUs)).toFixed(1)} us an event; spread ${Math.round(spread(rates('muster')) * 100)} %`,
      }),
      row({ ...beside('sql', 'plain SQL: the rows of a batch a transaction, no look-up of ids'), what: 'the same' }),
    ];
  } finally {
    await sql.stop();
    await server.stop();
  }
}
