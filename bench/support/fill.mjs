import Sqlite from 'better-sqlite3';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { payloadOf } from './load.mjs';

const COLUMNS = 'session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, native_id, payload, hash';
const NOW = '2026-11-20T14:00:05.000Z';
const HASH = 'a'.repeat(64);
const CHUNK = 50_000;

/** Fills the logs of a stopped server, `count` events each, by SQL. */
export async function fill(server, sessions, count, type) {
  const payload = JSON.stringify(payloadOf(type));
  const { file, url } = server.database;
  if (file) fillSqlite(file, sessions, count, type, payload);
  else await fillPostgres(url, sessions, count, type, payload);
}

function fillSqlite(file, sessions, count, type, payload) {
  const db = new Sqlite(file);
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -200000');
  const insert = db.prepare(
    `insert into session_events (${COLUMNS}) values (?,?,?,null,?,'api','user:bench','${NOW}','${NOW}',null,?,'${HASH}')`,
  );
  const update = db.prepare('update session_heads set last_seq = last_seq + ?, message_count = message_count + ? where session_id = ?');
  const last = db.prepare('select last_seq from session_heads where session_id = ?').pluck();
  const some = db.transaction((sessionId, from, to) => {
    for (let seq = from; seq <= to; seq++) insert.run(sessionId, seq, randomUUID(), type, payload);
  });
  for (const sessionId of sessions) {
    const from = last.get(sessionId);
    for (let done = 0; done < count; done += CHUNK) some(sessionId, from + done + 1, from + Math.min(count, done + CHUNK));
    update.run(count, count, sessionId);
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

async function fillPostgres(url, sessions, count, type, payload) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('set synchronous_commit = off');
  for (const sessionId of sessions) {
    await client.query(
      `insert into session_events (${COLUMNS})
       select h.session_id, h.last_seq + n, gen_random_uuid()::text, null, $2, 'api', 'user:bench', $3, $3, null, $4, $5
       from session_heads h, generate_series(1, $6::integer) n where h.session_id = $1`,
      [sessionId, type, NOW, payload, HASH, count],
    );
    await client.query('update session_heads set last_seq = last_seq + $2, message_count = message_count + $2 where session_id = $1', [
      sessionId,
      count,
    ]);
  }
  await client.end();
}
