import { median, percentile, row } from '../support/figures.mjs';
import { fill } from '../support/fill.mjs';
import { requestBytes, withLinks } from '../support/http-link.mjs';
import { closedLoop, interleaved } from '../support/load.mjs';
import { Server } from '../support/server.mjs';

const SHORT = 1_000;
const LONG = 100_000;

/** First pages of one conversation, one request at a time. */
const pages = (server, path, options) => () =>
  withLinks(server, 1, (links) =>
    closedLoop({
      server,
      links,
      next: () => requestBytes('GET', path, server.key).bytes,
      seconds: 0,
      least: options.isQuick ? 200 : 500,
      status: 200,
    }),
  );

/** 13: the first page of a long conversation costs what that of a short one costs. */
export async function conversation({ options, dialect }) {
  const before = await Server.start({ options: { ...options, profileDir: undefined }, dialect, sessions: 2 });
  await before.stop({ keep: true });
  const [short, long] = before.sessions;
  await fill(before, [short], SHORT, 'message');
  await fill(before, [long], LONG, 'message');
  const server = await Server.start({ options, dialect, after: before });
  try {
    const rows = [];
    for (const what of ['full-conversation', 'full-conversation?tail=true', 'history']) {
      const pathOf = (id) => `/api/sessions/${id}/${what}`;
      const results = await interleaved(
        { short: pages(server, pathOf(short), options), long: pages(server, pathOf(long), options) },
        options,
      );
      const middle = (name) => results[name].map(({ latencies }) => percentile(latencies, 0.5));
      rows.push(
        row({
          bar: 13,
          what: `first page of ${what}, ${LONG.toLocaleString('en-US')} events, p50`,
          database: dialect,
          measured: median(middle('long')),
          unit: 'ms',
          peer: median(middle('short')),
          peerWhat: `ms at ${SHORT.toLocaleString('en-US')}`,
          ratio: median(middle('long').map((value, index) => value / middle('short')[index])),
          most: 1.5,
          rounds: { short: middle('short'), long: middle('long') },
        }),
      );
    }
    return rows;
  } finally {
    await server.stop();
  }
}
