import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MOST = 40;

/** The functions that took longest by themselves, and the packages, of every V8 CPU profile in a directory. */
export function topOf(directory) {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => `\n${name}\n${topOfOne(JSON.parse(readFileSync(join(directory, name), 'utf8')))}`)
    .join('\n');
}

function topOfOne({ nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const self = new Map();
  const groups = new Map();
  let busy = 0;
  samples.forEach((id, index) => {
    const { functionName, url, lineNumber } = frames.get(id);
    const us = timeDeltas[index];
    if (functionName === '(idle)' || functionName === '(program)') return;
    busy += us;
    const place = url.replace(/^.*\/(node_modules|dist)\//, '$1/');
    add(self, `${functionName || '(anonymous)'}  ${place}${place ? `:${lineNumber + 1}` : ''}`, us);
    add(groups, groupOf(place, functionName), us);
  });
  const lines = (map, most) =>
    [...map]
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, us]) => `${((us / busy) * 100).toFixed(1).padStart(6)} %  ${name}`);
  return [`busy ${(busy / 1e6).toFixed(1)} s`, 'by package', ...lines(groups, 25), 'by function', ...lines(self, MOST)].join('\n');
}

const add = (map, key, us) => map.set(key, (map.get(key) ?? 0) + us);

function groupOf(place, functionName) {
  if (place === '') return functionName;
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(place);
  if (found) return found[1];
  return place.replace(/:\d+$/, '');
}
