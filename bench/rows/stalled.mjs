import { setTimeout as sleep } from 'node:timers/promises';
import { child } from '../support/children.mjs';
import { row } from '../support/figures.mjs';
import { paced } from '../support/pace.mjs';
import { Server } from '../support/server.mjs';
import { WsLink } from '../support/ws-link.mjs';

const READERS = 50;
const PER_SECOND = 500;
const MIB = 1024 * 1024;

/** 10: a reader that takes nothing, while events flow: what it costs the server and the others. */
export async function stalled({ options }) {
  const seconds = options.isQuick ? 8 : 50;
  const server = await Server.start({ options, dialect: 'sqlite', nodeArguments: ['--expose-gc'], sessions: 1 });
  const readers = child('readers.mjs');
  const { sessions, port, key } = server;
  try {
    await readers.ask('open', { port, key, count: READERS, sessions });
    const flow = async (length) => {
      await readers.ask('record');
      const acks = await paced(server, { perSecond: PER_SECOND, seconds: length, sessions, type: options.type });
      await sleep(500);
      const latencies = await readers.ask('latencies', { acks });
      const { heapUsed, external } = await server.memory();
      return { ...latencies, inUse: heapUsed + external, resident: server.resident };
    };
    await flow(4);
    const without = await flow(seconds);
    const link = await WsLink.open(port, key);
    link.send(JSON.stringify({ type: 'subscribe', sessionId: sessions[0], after: '0' }));
    link.pause();
    const withIt = await flow(seconds);
    const isThere = link.socket.readable;
    link.destroy();
    const rows = [
      row({
        bar: 10,
        what: `one stalled reader for ${seconds} s at ${PER_SECOND} events/s: memory of the server`,
        measured: (withIt.inUse - without.inUse) / MIB,
        unit: 'MiB',
        most: 8,
        notes: `resident ${((withIt.resident - without.resident) / MIB).toFixed(1)} MiB more${isThere ? '' : '; it was closed meanwhile'}`,
        rounds: { without, withIt },
      }),
      row({
        bar: 10,
        what: `the same: acknowledged to frame of ${READERS} others, p99`,
        measured: withIt.p99,
        unit: 'ms',
        peer: without.p99,
        peerWhat: 'ms without it',
        most: 60,
        notes: `p50 ${withIt.p50.toFixed(1)} and ${without.p50.toFixed(1)} ms`,
      }),
    ];
    return rows;
  } finally {
    await readers.stop();
    await server.stop();
  }
}
