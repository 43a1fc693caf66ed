import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and what is missing above it, for this user only. Level by level, because Node's recursive mkdir never
 * returns where the kernel answers ENOENT for an existing parent (below `/proc`).
 * @throws Error of the file system
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
