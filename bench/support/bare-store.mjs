// The store without anything around it, in a process of its own: the rows of an append straight into the tables of a stopped server.

import { randomUUID } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import pg from 'pg';
import { payloadOf } from './load.mjs';
import { answering } from './processes.mjs';

const COLUMNS = 'session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, native_id, payload, hash';
const HASH = 'a'.repeat(64);
const NOW = '2026-11-20T14:00:05.000Z';

const rowOf = (sessionId, seq, type, payload) => [
  sessionId,
  seq,
  randomUUID(),
  null,
  type,
  'api',
  'user:bench',
  NOW,
  NOW,
  null,
  payload,
  HASH,
];

export function openSqlite(file) {
  const db = new Sqlite(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  return db;
}

/** Batches one after the other, each a transaction that ends on disk: there is one writer. */
function sqliteRun({ file, sessions, batch, seconds, type }) {
  const db = openSqlite(file);
  const payload = JSON.stringify(payloadOf(type));
  const insert = db.prepare(`insert into session_events (${COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,?,?)`);
  const find = db.prepare('select last_seq from session_heads where session_id = ?');
  const update = db.prepare('update session_heads set last_seq = ?, message_count = message_count + ? where session_id = ?');
  const store = db.transaction((sessionId) => {
    const { last_seq: last } = find.get(sessionId);
    for (let at = 1; at <= batch; at++) insert.run(rowOf(sessionId, last + at, type, payload));
    update.run(last + batch, batch, sessionId);
  });
  const start = performance.now();
  let count = 0;
  for (let turn = 0; performance.now() - start < seconds * 1_000; turn++) {
    store.immediate(sessions[turn % sessions.length]);
    count += batch;
  }
  const perSecond = (count / (performance.now() - start)) * 1_000;
  db.close();
  return { perSecond };
}

/** As many transactions at a time as there are connections, each of a session of its own. */
async function postgresRun({ url, sessions, batch, seconds, type, connections = 10 }) {
  const payload = JSON.stringify(payloadOf(type));
  let next = 0;
  const values = Array.from({ length: batch }, () => `(${Array.from({ length: 12 }, () => `$${++next}`).join(',')})`).join(',');
  const insert = { name: `insert${batch}`, text: `insert into session_events (${COLUMNS}) values ${values}` };
  const find = { name: 'find', text: 'select last_seq from session_heads where session_id = $1 for update' };
  const update = {
    name: 'update',
    text: 'update session_heads set last_seq = $1, message_count = message_count + $2 where session_id = $3',
  };
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    }),
  );
  const start = performance.now();
  let count = 0;
  await Promise.all(
    clients.map(async (client, index) => {
      for (let turn = index; performance.now() - start < seconds * 1_000; turn += connections) {
        const sessionId = sessions[turn % sessions.length];
        await client.query('begin');
        const last = (await client.query({ ...find, values: [sessionId] })).rows[0].last_seq;
        const rows = Array.from({ length: batch }, (_, at) => rowOf(sessionId, last + 1 + at, type, payload));
        await client.query({ ...insert, values: rows.flat() });
        await client.query({ ...update, values: [last + batch, batch, sessionId] });
        await client.query('commit');
        count += batch;
      }
    }),
  );
  const perSecond = (count / (performance.now() - start)) * 1_000;
  await Promise.all(clients.map((client) => client.end()));
  return { perSecond };
}

answering({ run: async (request) => (request.file ? sqliteRun(request) : postgresRun(request)) });
