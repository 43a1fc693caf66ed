/** A small project for an agent to work in: a git repository in the data directory. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from './programs.mjs';
import { Problem } from './terminal.mjs';

const FILES = {
  'README.md': `# Sample

A small project for agents to work in. \`greet.sh\` says hello:

    sh greet.sh

Change and break what you like: remove this directory, and the next quickstart makes it anew.
`,
  'greet.sh': `#!/bin/sh
echo "Hello."
`,
};

/** What a shell around this script says of another repository must not lead git there. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|PREFIX)$/.test(name)),
);

/** Makes the sample in `<dataDir>/workspaces/sample`, or finds it there. Returns its path. */
export function makeSampleWorkspace(dataDir) {
  const path = join(dataDir, 'workspaces', 'sample');
  if (existsSync(join(path, '.git')) && outputOf('git', ['rev-parse', '--verify', 'HEAD'], { cwd: path, env })) return realpathSync(path);
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(FILES)) if (!existsSync(join(path, name))) writeFileSync(join(path, name), text);
  git(path, 'init', '--quiet');
  // Of this repository only: whoever has no identity of his own can commit here, and nobody's hooks or signatures interfere.
  const local = {
    'user.name': 'Muster sample',
    'user.email': 'sample@muster.invalid',
    'commit.gpgsign': 'false',
    'core.hooksPath': '/dev/null',
  };
  for (const [key, value] of Object.entries(local)) git(path, 'config', key, value);
  git(path, 'add', '--all');
  git(path, 'commit', '--quiet', '--message', 'chore: first files');
  return realpathSync(path);
}

function git(cwd, ...args) {
  const { status, stderr, error } = spawnSync('git', args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Problem(`git ${args[0]} failed in ${cwd}: ${(error?.message ?? stderr).trim()}`);
}
