// Run by `npm install` and `npm ci` (the "prepare" script): git looks for hooks here. Without git, in a tarball, inside of another
// repository, or where somebody has hooks of his own, nothing happens.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');

const git = (...args) => spawnSync('git', args, { encoding: 'utf8' });
if (existsSync('.git') && git('config', '--get', 'core.hooksPath').stdout === '') git('config', 'core.hooksPath', '.githooks');
