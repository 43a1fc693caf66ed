import { median, row, spread } from '../support/figures.mjs';
import { interleaved } from '../support/load.mjs';
import { Server } from '../support/server.mjs';
import { singleAppends } from './append.mjs';
import { batchAppends } from './batch.mjs';

/** 4: everything into one session, beside the same load over many. */
export async function hot({ options, dialect }) {
  const server = await Server.start({ options, dialect });
  try {
    const sessions = server.sessions.slice(0, 1);
    const rows = [];
    for (const [what, appends] of [
      ['single appends', singleAppends],
      ['batches of 100', batchAppends],
    ]) {
      const sides = { one: appends(server, { options, sessions }), many: appends(server, { options }) };
      const results = await interleaved(sides, options);
      const rates = (name) => results[name].map(({ perSecond }) => perSecond);
      rows.push(
        row({
          bar: 4,
          what: `one hot session, ${what}`,
          database: dialect,
          measured: median(rates('one')),
          unit: 'events/s',
          peer: median(rates('many')),
          peerWhat: 'the same over 100 sessions',
          ratio: median(results.one.map(({ perSecond }, index) => perSecond / results.many[index].perSecond)),
          least: 0.6,
          notes: `spread ${Math.round(spread(rates('one')) * 100)} %`,
          rounds: { one: rates('one'), many: rates('many') },
        }),
      );
    }
    return rows;
  } finally {
    await server.stop();
  }
}
