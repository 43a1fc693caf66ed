#!/usr/bin/env node
// What knowing who asks costs a single append: CPU time of the server a request, with access rules and limits as they are by default (a
// member's key) and without (MUSTER_AUTH=off, limits off), in ten interleaved pairs on loopback.
//
//   npm run build && npm run bench:access [-- --requests 2000] [-- --pairs 10]

import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join, resolve } from 'node:path';
import { startPlainServer } from './support/plain-server.mjs';
import { cpuOf } from './support/processes.mjs';

const MAIN = resolve(import.meta.dirname ?? '.', '../dist/src/main.js');
const CONNECTIONS = 16;
/** Student's t for 95 %, two-sided, by degrees of freedom. */
const T95 = { 4: 2.776, 9: 2.262, 19: 2.093, 29: 2.045 };

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const requests = option('requests', 2_000);
const pairs = option('pairs', 10);

const off = Object.fromEntries(
  [
    'READ_PER_MINUTE',
    'WRITE_PER_MINUTE',
    'LAUNCH_PER_MINUTE',
    'APPEND_PER_SECOND',
    'LOGIN_PER_MINUTE',
    'FAILED_ATTEMPTS_PER_MINUTE',
    'STREAMS_PER_PRINCIPAL',
  ].map((name) => [`MUSTER_LIMIT_${name}`, '0']),
);

async function call(server, key, path, body, method = 'POST') {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** CPU microseconds of the server a request, over `requests` appends. */
async function measure(server, key, sessionId, agent) {
  const before = cpuOf(server.child.pid);
  let left = requests;
  const one = () =>
    new Promise((done, fail) => {
      const body = JSON.stringify({ type: 'log', payload: { level: 'info', text: 'x'.repeat(400) } });
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...(key ? { authorization: `Bearer ${key}` } : {}),
      };
      const request = http.request(`${server.url}/api/sessions/${sessionId}/events`, { method: 'POST', agent, headers }, (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 201 ? done() : fail(new Error(`An append was answered ${response.statusCode}.`)),
        );
      });
      request.on('error', fail);
      request.end(body);
    });
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left-- > 0) await one();
    }),
  );
  return ((cpuOf(server.child.pid) - before) / requests) * 1e6;
}

const servers = [];
try {
  const open = await startPlainServer([MAIN], { MUSTER_AUTH: 'off', ...off });
  const guarded = await startPlainServer([MAIN]);
  servers.push(open, guarded);
  const admin = readFileSync(join(guarded.dataDir, 'admin.key'), 'utf8').trim();
  const path = join(guarded.dataDir, 'project');
  mkdirSync(path);
  const workspace = await call(guarded, admin, '/api/workspaces', { path });
  await call(guarded, admin, `/api/workspaces/${workspace.id}/members/user:bench`, { role: 'editor' }, 'PUT');
  const { secret } = await call(guarded, admin, '/api/keys', { name: 'bench', principalId: 'user:bench' });
  const sides = [
    { server: open, key: undefined, session: await call(open, undefined, '/api/sessions', { runtime: 'external' }) },
    {
      server: guarded,
      key: secret,
      session: await call(guarded, secret, '/api/sessions', { runtime: 'external', workspaceId: workspace.id }),
    },
  ].map((side) => ({ ...side, agent: new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS }) }));
  const run = ({ server, key, session, agent }) => measure(server, key, session.id, agent);
  for (const side of sides) await run(side); // warm
  const rows = [];
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 ? [1, 0] : [0, 1];
    const row = [];
    for (const index of order) row[index] = await run(sides[index]);
    rows.push({ withoutUs: row[0], withUs: row[1], differenceUs: row[1] - row[0] });
  }
  sides.forEach(({ agent }) => agent.destroy());
  const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const differences = rows.map(({ differenceUs }) => differenceUs);
  const average = mean(differences);
  const deviation = Math.sqrt(mean(differences.map((each) => (each - average) ** 2)) * (pairs / (pairs - 1)));
  const boundUs = ((T95[pairs - 1] ?? 2.262) * deviation) / Math.sqrt(pairs);
  console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value)]))));
  console.log(
    JSON.stringify({
      requests,
      pairs,
      withoutUs: mean(rows.map((row) => row.withoutUs)),
      withUs: mean(rows.map((row) => row.withUs)),
      differenceUs: average,
      boundUs95: boundUs,
    }),
  );
} finally {
  for (const server of servers) await server.stop();
}
