import { median, percentile, row } from '../support/figures.mjs';
import { fill } from '../support/fill.mjs';
import { requestBytes, withLinks } from '../support/http-link.mjs';
import { closedLoop, interleaved } from '../support/load.mjs';
import { Server } from '../support/server.mjs';
import { singleAppends } from './append.mjs';
import { headOf } from './replay.mjs';

const SESSIONS = 100;
const SMALL = 10_000;

async function filled({ options, dialect, rows }) {
  const before = await Server.start({ options: { ...options, profileDir: undefined }, dialect, sessions: SESSIONS });
  await before.stop({ keep: true });
  await fill(before, before.sessions, rows / SESSIONS, options.type);
  return Server.start({ options, dialect, after: before });
}

/** Pages of 50 from the middle of each log, one request at a time. */
async function pages(server, options) {
  const cursors = [];
  for (const id of server.sessions) {
    const { epoch, lastSeq } = await headOf(server, id);
    cursors.push({ id, after: `${epoch}.${Math.floor(lastSeq / 2)}` });
  }
  const requests = cursors.map(
    ({ id, after }) => requestBytes('GET', `/api/sessions/${id}/events?limit=50&after=${after}`, server.key).bytes,
  );
  let turn = 0;
  return () =>
    withLinks(server, 1, (links) =>
      closedLoop({
        server,
        links,
        next: () => requests[turn++ % requests.length],
        seconds: 0,
        least: options.isQuick ? 300 : 1_000,
        status: 200,
      }),
    );
}

/** 11: a page and an append in a long log cost what they cost in a short one. */
export async function size({ options, dialect }) {
  const servers = [];
  try {
    for (const rows of [SMALL, options.rows]) servers.push(await filled({ options, dialect, rows }));
    const [small, large] = servers;
    const rows = [];
    for (const [what, make] of [
      ['page of 50', (server) => pages(server, options)],
      ['append', (server) => singleAppends(server, { options, connections: 1, seconds: 0, least: options.isQuick ? 300 : 1_000 })],
    ]) {
      const results = await interleaved({ small: await make(small), large: await make(large) }, options);
      const middle = (name) => results[name].map(({ latencies }) => percentile(latencies, 0.5));
      rows.push(
        row({
          bar: 11,
          what: `${what} at ${options.rows.toLocaleString('en-US')} rows, p50`,
          database: dialect,
          measured: median(middle('large')),
          unit: 'ms',
          peer: median(middle('small')),
          peerWhat: `ms at ${SMALL.toLocaleString('en-US')}`,
          ratio: median(middle('large').map((value, index) => value / middle('small')[index])),
          most: 1.5,
          notes: `p99 ${percentile(
            results.large.flatMap(({ latencies }) => latencies),
            0.99,
          ).toFixed(1)} ms`,
          rounds: { small: middle('small'), large: middle('large') },
        }),
      );
    }
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}
