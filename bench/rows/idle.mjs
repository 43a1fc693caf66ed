import { child } from '../support/children.mjs';
import { row } from '../support/figures.mjs';
import { Server } from '../support/server.mjs';

/** 9: memory of the server for a WebSocket that is authenticated, subscribed and caught up, and gets nothing. */
export async function idle({ options }) {
  const connections = options.isQuick ? 500 : 2_000;
  const server = await Server.start({ options, dialect: 'sqlite', nodeArguments: ['--expose-gc'] });
  const readers = child('readers.mjs');
  try {
    const open = (count) => readers.ask('open', { port: server.port, key: server.key, count, sessions: server.sessions });
    // What is made once for all of them is not theirs: code, caches, the topics of the sessions.
    const base = child('readers.mjs');
    await base.ask('open', { port: server.port, key: server.key, count: 300, sessions: server.sessions });
    await base.stop();
    const stay = 100;
    await open(stay);
    const before = { ...(await server.memory()), resident: server.resident };
    await open(connections);
    const after = { ...(await server.memory()), resident: server.resident };
    const each = (value) => (value(after) - value(before)) / connections / 1024;
    const heap = each(({ heapUsed, external }) => heapUsed + external);
    const resident = each(({ resident: bytes }) => bytes);
    return [
      row({
        bar: 9,
        what: `idle WebSocket, ${connections.toLocaleString('en-US')} of them: memory of the server for one`,
        measured: Math.max(heap, resident),
        unit: 'KB',
        most: 30,
        notes: `${heap.toFixed(1)} KB in use after a collection, ${resident.toFixed(1)} KB resident`,
        rounds: { before, after },
      }),
    ];
  } finally {
    await readers.stop();
    await server.stop();
  }
}
