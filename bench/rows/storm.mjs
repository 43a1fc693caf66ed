import { child } from '../support/children.mjs';
import { failed, median, percentile, row } from '../support/figures.mjs';
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

/** Everybody is there, is cut, and comes back at once; gives the milliseconds each took until it had caught up. */
async function once(server, { behind, sessions, type }) {
  const readers = child('readers.mjs');
  try {
    for (const sessionId of sessions) await appendTo(server, sessionId, 1, type);
    await readers.ask('open', { port: server.port, key: server.key, count: READERS, sessions });
    await readers.ask('cut');
    for (const sessionId of sessions) await appendTo(server, sessionId, behind, type);
    const { least } = await readers.ask('counts');
    const result = await readers.ask('reconnect', { port: server.port, key: server.key, sessions });
    const counts = await readers.ask('counts');
    if (counts.least < least + behind) throw new Error(`A reader got ${counts.least - least} events, not ${behind}.`);
    return result;
  } finally {
    await readers.stop();
  }
}

async function oneCase(server, { behind, sessions, what, most, options, dialect }) {
  const title = `${READERS} readers ${what} reconnect, ${behind} events behind: caught up, p95`;
  try {
    const all = [];
    for (let round = 0; round < Math.min(3, options.rounds); round++)
      all.push(await once(server, { behind, sessions, type: options.type }));
    const at = (share) => median(all.map(({ times }) => percentile(times, share)));
    const blocked = median(all.map(({ blockedMs }) => blockedMs));
    return row({
      bar: 8,
      what: title,
      database: dialect,
      measured: at(0.95),
      unit: 'ms',
      most,
      notes: `p50 ${at(0.5).toFixed(0)} ms, last ${at(1).toFixed(0)} ms; the readers' own process was busy ${blocked.toFixed(0)} ms at most`,
      rounds: all.map(({ times }) => percentile(times, 0.95)),
    });
  } catch (error) {
    return failed({ bar: 8, what: title, database: dialect, error });
  }
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
    for (const each of cases) rows.push(await oneCase(server, { ...each, options, dialect }));
    return rows;
  } finally {
    await server.stop();
  }
}
