import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { median, row } from '../support/figures.mjs';
import { interleaved } from '../support/load.mjs';
import { cpuOf } from '../support/processes.mjs';
import { Server } from '../support/server.mjs';
import { singleAppends } from './append.mjs';

const CONNECTIONS = 16;
const REQUESTS = 3_000;

/** From the bottom up: each does what those before it do, and what it is called. `replace` as in entry.mjs. */
const LAYERS = [
  { what: 'Express', layer: 'express' },
  { what: '+ JSON body', layer: 'body' },
  { what: '+ Nest', layer: 'nest' },
  { what: '+ request id, headers, host, input rules', replace: 'guard' },
  { what: '+ authentication, permission, limits', replace: 'service' },
  { what: '+ validation, canonical form, hash', replace: 'session' },
  { what: '+ access to the session', replace: 'log' },
  { what: '+ log and store', replace: '' },
];

async function layerServer(layer) {
  const child = fork(resolve(import.meta.dirname, '../support/layer-server.mjs'), [], {
    env: { PATH: process.env.PATH, BENCH_LAYER: layer },
  });
  const url = await new Promise((done, fail) => {
    child.once('message', (message) => done(message.url));
    child.once('exit', (code) => fail(new Error(`The ${layer} server ended with ${code}.`)));
  });
  return {
    port: Number(new URL(url).port),
    key: `muster_${'x'.repeat(40)}`,
    sessions: Array.from({ length: 100 }, (_, at) => `00000000-0000-7000-8000-${String(at).padStart(12, '0')}`),
    get cpu() {
      return cpuOf(child.pid);
    },
    stop: async () => void child.kill(),
  };
}

/** 12: what each layer of a single append costs, in CPU of the server. */
export async function layers({ options, dialect }) {
  const servers = [];
  try {
    const sides = {};
    for (const { what, layer, replace } of LAYERS) {
      const server = layer ? await layerServer(layer) : await Server.start({ options, dialect, replace });
      servers.push(server);
      sides[what] = singleAppends(server, { options, connections: CONNECTIONS, seconds: 0, least: REQUESTS });
    }
    const results = await interleaved(sides, options);
    const cost = (what) => median(results[what].map(({ cpuUs }) => cpuUs));
    const base = cost(LAYERS[0].what);
    return LAYERS.map(({ what }, index) =>
      row({
        bar: 12,
        what,
        database: dialect,
        measured: cost(what),
        unit: 'us CPU',
        peer: index === 0 ? undefined : cost(what) - cost(LAYERS[index - 1].what),
        peerWhat: 'us more than the layer below',
        notes: index === LAYERS.length - 1 ? `${(cost(what) - base).toFixed(0)} us beyond Express` : '',
        rounds: results[what].map(({ cpuUs }) => cpuUs),
      }),
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}
