#!/usr/bin/env node
// Writes .env.example and the table in docs/configuration.md out of the list of variables (src/config/environment.ts, built).
//
//   node scripts/generate-configuration.mjs            write them
//   node scripts/generate-configuration.mjs --check    compare; exit code 1 where they differ

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { inProject } from './lib/project.mjs';
import { complain, Problem, say } from './lib/terminal.mjs';

const PAGE = 'docs/configuration.md';
const BEGIN = '<!-- generated: variables -->';
const END = '<!-- end of generated -->';
const WIDTH = 110;

try {
  const built = inProject('dist', 'src', 'config', 'environment.js');
  if (!existsSync(built)) throw new Problem(`${built} is missing.`, 'Run "npm run build" first.');
  const { VARIABLES } = createRequire(import.meta.url)(built);
  const files = { '.env.example': example(VARIABLES), [PAGE]: page(VARIABLES) };
  const stale = Object.keys(files).filter((name) => !existsSync(inProject(name)) || readFileSync(inProject(name), 'utf8') !== files[name]);
  if (!process.argv.includes('--check')) stale.forEach((name) => writeFileSync(inProject(name), files[name]));
  else if (stale.length > 0)
    throw new Problem(
      `${stale.join(' and ')} is not what src/config/environment.ts says.`,
      'Run "npm run documents" and commit the result.',
    );
  say(`${Object.keys(files).join(' and ')} are up to date`);
} catch (error) {
  complain('generate-configuration', error);
  process.exitCode = 1;
}

/** A default that is another on every machine is told as what it is. */
function defaultOf({ fallback }) {
  return fallback === homedir() ? undefined : fallback;
}

function example(variables) {
  const head = [
    '# Settings of Muster. Copy this file to .env and change what you need; the environment goes before it.',
    '# Commented lines show the default, or an empty value where there is none. docs/configuration.md tells more.',
  ];
  const entries = variables.flatMap((variable) => [
    '',
    ...wrapped(`${variable.describe}${variable.fallback === homedir() ? ' Absent: your home directory.' : ''}`).map((line) => `# ${line}`),
    `#${variable.name}=${defaultOf(variable) ?? ''}`,
    ...(variable.isSecret ? ['# The same, read from a file:', `#${variable.name}_FILE=`] : []),
  ]);
  return `${[...head, ...entries].join('\n')}\n`;
}

function page(variables) {
  const text = readFileSync(inProject(PAGE), 'utf8');
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before) throw new Problem(`${PAGE} has lost the lines "${BEGIN}" and "${END}".`);
  return `${text.slice(0, before + BEGIN.length)}\n\n${table(variables)}\n\n${text.slice(after)}`;
}

function table(variables) {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const rows = variables.map((variable) => {
    const { name, describe, fallback, isSecret } = variable;
    const shown = fallback === homedir() ? 'your home directory' : fallback ? `\`${fallback}\`` : '';
    return `| \`${name}\`${isSecret ? `<br>\`${name}_FILE\`` : ''} | ${shown} | ${cell(describe)} |`;
  });
  return ['| variable | default | what it says |', '|---|---|---|', ...rows].join('\n');
}

function wrapped(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== '' && line.length + word.length + 1 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
