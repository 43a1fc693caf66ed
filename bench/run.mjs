#!/usr/bin/env node
// The promises of docs/performance.md, each beside its limit or its peer in the same run: npm run build && npm run bench -- --help

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { append } from './rows/append.mjs';
import { batch } from './rows/batch.mjs';
import { broadcast } from './rows/broadcast.mjs';
import { conversation } from './rows/conversation.mjs';
import { delivery } from './rows/delivery.mjs';
import { frames } from './rows/frames.mjs';
import { hot } from './rows/hot.mjs';
import { idle } from './rows/idle.mjs';
import { layers } from './rows/layers.mjs';
import { replay } from './rows/replay.mjs';
import { size } from './rows/size.mjs';
import { stalled } from './rows/stalled.mjs';
import { storm } from './rows/storm.mjs';
import { dropAll } from './support/databases.mjs';
import { failed, tableOf } from './support/figures.mjs';
import { readOptions } from './support/options.mjs';
import { Server } from './support/server.mjs';
import { topOf } from './support/profile.mjs';

/** `databases`: whether it is measured on each. */
const ROWS = {
  append: { run: append, databases: true },
  frames: { run: frames, databases: true },
  batch: { run: batch, databases: true },
  hot: { run: hot, databases: true },
  delivery: { run: delivery, databases: true },
  broadcast: { run: broadcast, databases: false },
  replay: { run: replay, databases: true },
  storm: { run: storm, databases: true },
  idle: { run: idle, databases: false },
  stalled: { run: stalled, databases: false },
  size: { run: size, databases: true },
  layers: { run: layers, databases: true },
  conversation: { run: conversation, databases: true },
};

const options = readOptions();
if (options.isList) {
  console.log(Object.keys(ROWS).join('\n'));
  process.exit(0);
}
const names = options.only ?? Object.keys(ROWS);
const unknown = names.filter((name) => !(name in ROWS));
if (unknown.length > 0) throw new Error(`--only: there is no ${unknown.join(', ')}; see --list.`);
if (options.profileDir && !existsSync(options.profileDir)) mkdirSync(options.profileDir, { recursive: true });

// Other children end with the channel to this process; what the servers wrote is removed here.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const failure of ['uncaughtException', 'unhandledRejection']) process.on(failure, () => undefined);
    void Server.killAll()
      .then(dropAll)
      .finally(() => process.exit(1));
  });

const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version };
const rows = [];
/** After every row, so that a run that is cut short leaves what it has. */
const keep = () =>
  writeFileSync(options.json, `${JSON.stringify({ machine, options: { ...options, postgresUrl: undefined }, rows }, undefined, 2)}\n`);

for (const name of names)
  for (const dialect of ROWS[name].databases ? options.databases : [undefined]) {
    const start = performance.now();
    const title = dialect ? `${name} (${dialect})` : name;
    try {
      rows.push(...(await ROWS[name].run({ options, dialect })));
    } catch (error) {
      process.exitCode = 1;
      rows.push(failed({ what: title, database: dialect, error }));
      console.error(error);
      await Server.killAll();
      await dropAll();
    }
    keep();
    console.error(`${title}: ${((performance.now() - start) / 1_000).toFixed(0)} s`);
  }
console.log(tableOf(rows));
if (options.profileDir) console.log(topOf(options.profileDir));
console.error(`written to ${options.json}`);
