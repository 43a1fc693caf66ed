#!/usr/bin/env node
// Before `npm start`: builds where a source changed since the last build. Where only what runs is installed (an image made with
// `npm ci --omit=dev`), what is there is started as it is.
import { existsSync } from 'node:fs';
import { canBuild, ensureBuilt, inProject } from './lib/project.mjs';
import { requireNode } from './lib/requirements.mjs';
import { complain, Problem } from './lib/terminal.mjs';

try {
  requireNode();
  if (canBuild()) await ensureBuilt();
  else if (!existsSync(inProject('dist', 'src', 'main.js')))
    throw new Problem('There is nothing to start yet.', 'Run "npm ci" first, or "npm run quickstart", which does it all.');
} catch (error) {
  complain('start', error);
  process.exitCode = 1;
}
