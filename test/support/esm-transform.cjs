/** Jest on Node 20 cannot require an ES module: turn those of node_modules into CommonJS, and leave everything else as it is. */
const { transformSync } = require('@swc/core');
const { dirname, join } = require('node:path');
const { existsSync, readFileSync } = require('node:fs');
const { createHash } = require('node:crypto');

const typeOf = new Map();

/** Node's own rule: `.mjs` is ESM, `.cjs` is not, `.js` is what the nearest package.json says. */
function isEsm(file) {
  if (file.endsWith('.mjs')) return true;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (!typeOf.has(folder)) {
      const manifest = join(folder, 'package.json');
      typeOf.set(folder, existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')).type ?? 'commonjs') : null);
    }
    if (typeOf.get(folder)) return typeOf.get(folder) === 'module';
    if (folder === dirname(folder)) return false;
  }
}

module.exports = {
  process(source, file) {
    if (!isEsm(file)) return { code: source };
    return transformSync(source, {
      filename: file,
      jsc: { target: 'es2022' },
      module: { type: 'commonjs' },
      sourceMaps: false,
      swcrc: false,
    });
  },
  getCacheKey: (source, file) => createHash('sha1').update(source).update('\0').update(file).update('1').digest('hex'),
};
