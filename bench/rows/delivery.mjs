import { setTimeout as sleep } from 'node:timers/promises';
import { child, listening } from '../support/children.mjs';
import { row } from '../support/figures.mjs';
import { paced } from '../support/pace.mjs';
import { Server } from '../support/server.mjs';

const READERS = 1_000;
const PER_SECOND = 50;

/** Percentiles of the time from acknowledgement to frame, of readers that are subscribed. */
export async function measured(server, readers, { seconds, sessions, type, perSecond = PER_SECOND, path }) {
  await paced(server, { perSecond, seconds: 2, sessions, type, path });
  await readers.ask('record');
  const acks = await paced(server, { perSecond, seconds, sessions, type, path });
  // What is still on its way counts too.
  await sleep(1_000);
  return readers.ask('latencies', { acks });
}

/** 5: from an append's acknowledgement to its frame at every reader. */
export async function delivery({ options, dialect }) {
  const seconds = options.isQuick ? 4 : 20;
  const rows = [];
  const server = await Server.start({ options, dialect });
  const bare = await listening('bare-broadcast.mjs');
  try {
    const cases = [
      { what: 'of one session', sessions: server.sessions.slice(0, 1), peer: bare },
      { what: 'over 100 sessions', sessions: server.sessions },
    ];
    for (const { what, sessions, peer } of cases) {
      const run = async (target, path) => {
        const readers = child('readers.mjs');
        try {
          await readers.ask('open', { port: target.port, key: target.key, count: READERS, sessions });
          return await measured(target, readers, { seconds, sessions, type: options.type, path });
        } finally {
          await readers.stop();
        }
      };
      const muster = await run(server);
      const beside = peer && (await run(peer, () => '/one'));
      rows.push(
        row({
          bar: 5,
          what: `acknowledged to frame, p99, ${READERS} readers ${what}, ${PER_SECOND} events/s`,
          database: dialect,
          measured: muster.p99,
          unit: 'ms',
          peer: beside?.p99,
          peerWhat: 'ms, a bare ws loop',
          most: 60,
          notes: `p50 ${muster.p50.toFixed(1)} ms, most ${muster.most.toFixed(0)} ms, ${muster.count} frames`,
          rounds: { muster, beside },
        }),
      );
    }
    return rows;
  } finally {
    await bare.stop();
    await server.stop();
  }
}
