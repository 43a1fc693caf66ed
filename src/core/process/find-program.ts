import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isErrno } from './proc-stat.js';

/**
 * Where a program is, as `execvp` would find it: a name with a slash is a path (relative to the working directory of this server),
 * another one is looked up in `path` (`PATH` of who will run it).
 * @returns the absolute path, or null where there is no executable file
 */
export function findProgram(name: string, path: string): string | null {
  if (name === '') return null;
  if (name.includes('/')) return isProgram(resolve(name)) ? resolve(name) : null;
  for (const directory of path.split(':')) {
    const file = directory === '' ? null : resolve(join(directory, name));
    if (file !== null && isProgram(file)) return file;
  }
  return null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EPERM')) return false;
    throw error;
  }
}
