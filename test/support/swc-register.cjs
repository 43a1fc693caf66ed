/**
 * Lets plain Node run the TypeScript of this repository: `node -r test/support/swc-register.cjs src/some/program.main.ts`.
 * Compiles as jest does (the options are jest's), resolves the `.js` of an import to the `.ts` beside it, and keeps what it compiled
 * in a folder of the user's own below the temporary directory, so that many processes may start at once.
 */
const { createHash } = require('node:crypto');
const { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { tmpdir } = require('node:os');
const { dirname, join, resolve } = require('node:path');
const swc = require('@swc/core');
const jestConfig = require('../../jest.config.cjs');

const [, options] = jestConfig.projects[0].transform['^.+\\.ts$'];
const cache = join(tmpdir(), `muster-swc-${process.getuid()}`);

mkdirSync(cache, { recursive: true, mode: 0o700 });
if (lstatSync(cache).uid !== process.getuid() || !lstatSync(cache).isDirectory()) throw new Error(`${cache} belongs to somebody else`);

function compiled(file) {
  const source = readFileSync(file, 'utf8');
  const key = createHash('sha256')
    .update([swc.version, JSON.stringify(options), file, source].join('\0'))
    .digest('hex');
  const kept = join(cache, `${key}.js`);
  if (existsSync(kept)) return readFileSync(kept, 'utf8');
  const { code } = swc.transformSync(source, { ...options, filename: file, swcrc: false, configFile: false });
  const draft = `${kept}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, kept);
  return code;
}

require.extensions['.ts'] = (module, file) => module._compile(compiled(file), file);

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  if (/^\.{1,2}\/.*\.js$/.test(request) && parent?.filename?.endsWith('.ts')) {
    const typescript = resolve(dirname(parent.filename), request.replace(/\.js$/, '.ts'));
    if (existsSync(typescript)) return typescript;
  }
  return resolveFilename.call(this, request, parent, ...rest);
};
