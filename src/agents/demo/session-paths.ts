import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/**
 * The real path of `path`, taken relative to `folder`, which it must not leave, neither by `..` nor through a symbolic link. Trailing
 * parts may not exist yet; a link that leads nowhere is refused, because writing to it would follow it.
 * @throws Error with a text for the person who asked.
 */
export function resolveInside(folder: string, path: string): string {
  const root = realpathSync(folder);
  const missing: string[] = [];
  let existing = resolve(root, path);
  while (!exists(existing)) {
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
  const real = join(realpathOf(existing, path), ...missing);
  if (!isBelow(root, real)) throw new Error(`${path} lies outside the session's folder`);
  return real;
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Whether there is an entry of that name, be it a link that leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function realpathOf(existing: string, path: string): string {
  try {
    return realpathSync(existing);
  } catch (error) {
    throw new Error(`${path} goes through a link that leads nowhere`, { cause: error });
  }
}
