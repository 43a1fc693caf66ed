import { listening } from '../support/children.mjs';
import { median, row } from '../support/figures.mjs';
import { interleaved } from '../support/load.mjs';
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

/** 12: what each layer of a single append costs, in CPU of the server. */
export async function layers({ options, dialect }) {
  const servers = [];
  try {
    const sides = {};
    for (const { what, layer, replace } of LAYERS) {
      const server = layer
        ? await listening('layer-server.mjs', { BENCH_LAYER: layer })
        : await Server.start({ options, dialect, replace });
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
