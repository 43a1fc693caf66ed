import { median, percentile, row, spread } from '../support/figures.mjs';
import { requestBytes, withLinks } from '../support/http-link.mjs';
import { closedLoop, eventText, interleaved, renewable, WARM_UP } from '../support/load.mjs';
import { Server } from '../support/server.mjs';

const CONNECTIONS = 64;

/** What sends single appends to the sessions of a server, in turns; with new connections each time, as an idle one is closed. */
export function singleAppends(
  server,
  { options, connections = CONNECTIONS, sessions = server.sessions, seconds = options.seconds, least = 0 },
) {
  const requests = sessions.map((id) =>
    renewable(requestBytes('POST', `/api/sessions/${id}/events`, server.key, eventText(options.type)).bytes),
  );
  let turn = 0;
  const next = () => requests[turn++ % requests.length]();
  return ({ isWarmUp = false } = {}) =>
    withLinks(server, connections, (links) => closedLoop({ server, links, next, seconds, least: isWarmUp ? WARM_UP : least, status: 201 }));
}

/** 1: a single append, beside the same server answering without storing. */
export async function append({ options, dialect }) {
  const servers = {
    muster: await Server.start({ options, dialect }),
    log: await Server.start({ options, dialect, replace: 'log' }),
    service: await Server.start({ options, dialect, replace: 'service' }),
  };
  try {
    const sides = {};
    for (const [name, server] of Object.entries(servers)) sides[name] = singleAppends(server, { options });
    const results = await interleaved(sides, options);
    const rates = (name) => results[name].map(({ perSecond }) => perSecond);
    const cpu = (name) => Math.round(median(results[name].map(({ cpuUs }) => cpuUs)));
    const ratio = (peer) => median(results.muster.map(({ perSecond }, index) => perSecond / results[peer][index].perSecond));
    const all = results.muster.flatMap(({ latencies }) => latencies);
    const common = { database: dialect, measured: median(rates('muster')), unit: 'events/s', rounds: results };
    return [
      row({
        bar: 1,
        what: `single append, HTTP, ${CONNECTIONS} connections`,
        ...common,
        peer: median(rates('log')),
        peerWhat: 'the same, answered in place of storing',
        ratio: ratio('log'),
        least: 0.7,
        notes: `CPU ${cpu('muster')} and ${cpu('log')} us; spread ${Math.round(spread(rates('muster')) * 100)} %`,
        rounds: { muster: rates('muster'), log: rates('log'), service: rates('service') },
      }),
      row({
        bar: 1,
        what: 'the same, beside an authenticated route that only answers',
        ...common,
        peer: median(rates('service')),
        peerWhat: 'no look-up, no validation, no store',
        ratio: ratio('service'),
        notes: `CPU ${cpu('service')} us`,
        rounds: undefined,
      }),
      row({
        bar: 1,
        what: 'p99 of a single append',
        database: dialect,
        measured: percentile(all, 0.99),
        unit: 'ms',
        most: 40,
        notes: `p50 ${percentile(all, 0.5).toFixed(1)} ms`,
      }),
    ];
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}
