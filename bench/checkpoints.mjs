#!/usr/bin/env node
// What a checkpoint of SQLite costs those who append meanwhile: latencies of single appends, with checkpoints in their own thread (as
// shipped) and in the committing thread (as SQLite does by itself), the median of some rounds, each
//   steady  under steady load, with a checkpoint every 4 MiB
//   large   while all that was written during a long read of another process is copied at once
//
//   npm run build && node bench/checkpoints.mjs [--seconds 8] [--megabytes 300] [--connections 16] [--rounds 5] [--steady | --large]

import BetterSqlite3 from 'better-sqlite3';
import { readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { join, resolve } from 'node:path';
import { startPlainServer } from './support/plain-server.mjs';

const DIST = resolve(import.meta.dirname ?? '.', '../dist/src');
const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seconds = option('seconds', 8);
const megabytes = option('megabytes', 300);
const connections = option('connections', 16);
const rounds = option('rounds', 5);
const kinds = process.argv.includes('--steady') ? ['steady'] : process.argv.includes('--large') ? ['large'] : ['steady', 'large'];

/** The server, and what is taken out of it for the comparison. */
const PROGRAMS = {
  'own thread': `require('${DIST}/main.js')`,
  'committing thread': `require('${DIST}/core/database/checkpoints.service.js').Checkpoints.prototype.onApplicationBootstrap = () => {}; require('${DIST}/main.js')`,
};

async function start(program) {
  const limits = ['WRITE_PER_MINUTE', 'APPEND_PER_SECOND'].map((name) => [`MUSTER_LIMIT_${name}`, '0']);
  const { url, dataDir, ...server } = await startPlainServer(['-e', program], Object.fromEntries(limits));
  const key = readFileSync(join(dataDir, 'admin.key'), 'utf8').trim();
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const post = (path, body) =>
    new Promise((done, fail) => {
      const request = http.request(
        url + path,
        { method: 'POST', agent, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } },
        (response) => {
          let answer = '';
          response.on('data', (chunk) => (answer += chunk));
          response.on('end', () =>
            response.statusCode < 300 ? done(JSON.parse(answer)) : fail(new Error(`${response.statusCode}: ${answer.slice(0, 300)}`)),
          );
        },
      );
      request.on('error', fail);
      request.end(JSON.stringify(body));
    });
  const stop = async () => {
    agent.destroy();
    await server.stop();
  };
  return { file: join(dataDir, 'muster.db'), post, stop };
}

const event = (length) => ({ type: 'log', payload: { level: 'info', text: 'x'.repeat(length) } });

/** Latencies in ms of single appends over `connections`, for `seconds`. */
async function appends({ post }, sessionIds) {
  const latencies = [];
  const end = performance.now() + seconds * 1_000;
  await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      for (let at = index; performance.now() < end; at += connections) {
        const begin = performance.now();
        await post(`/api/sessions/${sessionIds[at % sessionIds.length]}/events`, event(500));
        latencies.push(performance.now() - begin);
      }
    }),
  );
  return latencies.sort((a, b) => a - b);
}

async function run(kind, name) {
  const server = await start(PROGRAMS[name]);
  try {
    const sessionIds = [];
    for (let at = 0; at < 32; at++) sessionIds.push((await server.post('/api/sessions', { runtime: 'external' })).id);
    if (kind === 'large') {
      const reader = new BetterSqlite3(server.file, { readonly: true });
      reader.exec('begin');
      reader.prepare('select count(*) from session_events').get();
      while (statSync(`${server.file}-wal`).size < megabytes * 1024 * 1024)
        await Promise.all(
          sessionIds
            .slice(0, 4)
            .map((id) => server.post(`/api/sessions/${id}/events`, { events: Array.from({ length: 100 }, () => event(8_000)) })),
        );
      reader.exec('commit');
      reader.close();
    }
    const sorted = await appends(server, sessionIds);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
    const wal = Math.round(statSync(`${server.file}-wal`).size / 1024 / 1024);
    return {
      kind,
      checkpoints: name,
      'appends/s': Math.round(sorted.length / seconds),
      'p50 ms': at(0.5),
      'p99 ms': at(0.99),
      'p99.9 ms': at(0.999),
      'max ms': at(1),
      'log MiB': wal,
    };
  } finally {
    await server.stop();
  }
}

// One after the other, in turns: whatever else this machine does hits both.
const all = [];
for (const kind of kinds)
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(PROGRAMS);
    for (const name of round % 2 === 0 ? names : names.reverse()) all.push(await run(kind, name));
  }
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.table(
  kinds.flatMap((kind) =>
    Object.keys(PROGRAMS).map((checkpoints) => {
      const found = all.filter((each) => each.kind === kind && each.checkpoints === checkpoints);
      const figures = Object.keys(found[0]).filter((name) => !['kind', 'checkpoints'].includes(name));
      return { kind, checkpoints, ...Object.fromEntries(figures.map((name) => [name, median(found.map((each) => Number(each[name])))])) };
    }),
  ),
);
