#!/usr/bin/env node
// Writes openapi.json and asyncapi.json out of the built program (dist/), which makes them from its routes and schemas.
//
//   node scripts/generate-documents.mjs            write them
//   node scripts/generate-documents.mjs --check    compare; exit code 1 and the first places where they differ

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProject } from './lib/project.mjs';
import { complain, Problem, say } from './lib/terminal.mjs';

const PROGRAM = inProject('dist', 'src', 'documents.main.js');
const MAX_BYTES = 64 * 1024 * 1024;
const SHOWN = 5;

try {
  const documents = generate();
  const files = { 'openapi.json': documents.openapi, 'asyncapi.json': documents.asyncapi };
  if (process.argv.includes('--check')) check(files);
  else for (const [name, document] of Object.entries(files)) write(name, document);
} catch (error) {
  complain('generate-documents', error);
  process.exitCode = 1;
}

/** Both documents, made in a data directory of their own and with no setting of this machine. */
function generate() {
  if (!existsSync(PROGRAM)) throw new Problem(`${PROGRAM} is missing.`, 'Run "npm run build" first.');
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-documents-'));
  try {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MUSTER_')));
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM], {
      cwd: dataDir,
      env: { ...env, MUSTER_DATA_DIR: dataDir, MUSTER_LOG_LEVEL: 'error' },
      encoding: 'utf8',
      maxBuffer: MAX_BYTES,
    });
    if (status !== 0) throw new Problem(`The program that makes the documents failed (exit code ${status}):\n${stderr.trim()}`);
    const documents = JSON.parse(stdout);
    for (const name of ['openapi', 'asyncapi']) if (!documents[name]) throw new Problem(`The program gave no ${name} document.`);
    return documents;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function write(name, document) {
  writeFileSync(inProject(name), `${JSON.stringify(document, null, 2)}\n`);
  say(`wrote ${name}`);
}

/** @throws Problem that names the first places that differ */
function check(files) {
  const found = Object.entries(files).flatMap(([name, document]) => {
    if (!existsSync(inProject(name))) return [`${name} is missing`];
    return [...differences(JSON.parse(readFileSync(inProject(name), 'utf8')), document)].map((place) => `${name} at ${place}`);
  });
  if (found.length === 0) return say(`${Object.keys(files).join(' and ')} are up to date`);
  const more = found.length > SHOWN ? [`… and ${found.length - SHOWN} more`] : [];
  throw new Problem(
    ['The committed documents are not what the code says:', ...found.slice(0, SHOWN).map((each) => `  ${each}`), ...more].join('\n'),
    'Run "npm run documents" and commit the result.',
  );
}

/** JSON pointers (RFC 6901) to where two values differ, and how. */
function* differences(was, is, at = '') {
  const isBranch = (value) => typeof value === 'object' && value !== null;
  if (!isBranch(was) || !isBranch(is) || Array.isArray(was) !== Array.isArray(is)) {
    if (was !== is) yield `${at || '/'}: ${brief(was)} is now ${brief(is)}`;
    return;
  }
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const place = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!Object.hasOwn(is, key)) yield `${place}: is gone`;
    else if (!Object.hasOwn(was, key)) yield `${place}: is new`;
    else yield* differences(was[key], is[key], place);
  }
}

function brief(value) {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
