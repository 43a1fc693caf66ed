import { child } from '../support/children.mjs';
import { percentile, row } from '../support/figures.mjs';
import { HttpLink, requestBytes } from '../support/http-link.mjs';
import { eventText, renewable } from '../support/load.mjs';
import { Server } from '../support/server.mjs';

const READERS = 1_000;

async function appendTo(server, sessionId, count, type) {
  const link = await HttpLink.open(server.port);
  for (let left = count; left > 0; left -= 100) {
    const body = `{"events":[${Array.from({ length: Math.min(100, left) }, () => eventText(type)).join(',')}]}`;
    const { status } = await link.request(renewable(requestBytes('POST', `/api/sessions/${sessionId}/events`, server.key, body).bytes)());
    if (status !== 200) throw new Error(`Answered ${status}.`);
  }
  link.close();
}

/** 8: everybody comes back at once, behind. */
export async function storm({ options, dialect }) {
  const server = await Server.start({ options, dialect });
  const rows = [];
  try {
    const cases = [
      { behind: 200, sessions: server.sessions.slice(0, 1), what: 'of one session', most: 2_000 },
      { behind: 200, sessions: server.sessions, what: 'over 100 sessions', most: 2_000 },
      { behind: 1_000, sessions: server.sessions.slice(0, 1), what: 'of one session' },
    ];
    for (const { behind, sessions, what, most } of cases) {
      const all = [];
      for (let round = 0; round < Math.min(3, options.rounds); round++) {
        const readers = child('readers.mjs');
        try {
          for (const sessionId of sessions) await appendTo(server, sessionId, 1, options.type);
          await readers.ask('open', { port: server.port, key: server.key, count: READERS, sessions });
          await readers.ask('cut');
          for (const sessionId of sessions) await appendTo(server, sessionId, behind, options.type);
          const { least } = await readers.ask('counts');
          const { times } = await readers.ask('reconnect', { port: server.port, key: server.key, sessions });
          const counts = await readers.ask('counts');
          if (counts.least < least + behind) throw new Error(`A reader got ${counts.least - least} events, not ${behind}.`);
          all.push(times);
        } finally {
          await readers.stop();
        }
      }
      const [p50, p95, last] = [0.5, 0.95, 1].map((share) =>
        percentile(
          all.map((times) => percentile(times, share)),
          0.5,
        ),
      );
      rows.push(
        row({
          bar: 8,
          what: `${READERS} readers ${what} reconnect, ${behind} events behind: caught up, p95`,
          database: dialect,
          measured: p95,
          unit: 'ms',
          most,
          notes: `p50 ${p50.toFixed(0)} ms, last ${last.toFixed(0)} ms`,
          rounds: all.map((times) => percentile(times, 0.95)),
        }),
      );
    }
    return rows;
  } finally {
    await server.stop();
  }
}
