import { Injectable } from '@nestjs/common';
import { opendir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { PathError, type PathErrorCode } from './path.errors.js';

/** Bytes. Paths are unique in an index, and PostgreSQL indexes no value above 2,704 bytes (a third of a page). */
const MAX_BYTES = 2_048;

const CODE_OF_ERRNO: Readonly<Record<string, PathErrorCode>> = {
  ENOENT: 'path_not_found',
  ENOTDIR: 'path_not_directory',
  EACCES: 'path_not_accessible',
  EPERM: 'path_not_accessible',
  ELOOP: 'path_link_loop',
  ENAMETOOLONG: 'path_too_long',
};

/**
 * Which directories agents may work in: those whose real path, links resolved, is an allowed root or lies below one. Of what lies
 * outside of the roots nothing is told, not even whether it exists.
 */
@Injectable()
export class PathRules {
  private readonly roots: readonly string[];

  constructor(config: MusterConfig) {
    this.roots = [...new Set([...config.workspaceRoots, config.workspacesDir, config.worktreesDir].map((root) => resolve(root)))];
  }

  /**
   * The real path of an existing directory that this server can read and enter. A link may be exchanged right afterwards, so keep
   * this path, not the one given, and ask {@link assertStill} before something is started in it.
   * @throws PathError
   */
  async resolveDirectory(path: string): Promise<string> {
    assertPath(path);
    const realRoots = await this.realRoots();
    const isClaimedInside = isInside(resolve(path), [...this.roots, ...realRoots]);
    const real = await realPath(path).catch((error: unknown) => {
      throw isClaimedInside ? pathErrorOf(error, path) : this.notAllowed(path);
    });
    if (!isInside(real, realRoots))
      throw isClaimedInside ? new PathError('path_escapes_roots', path, { roots: this.roots }) : this.notAllowed(path);
    await assertEnterable(real);
    return real;
  }

  /**
   * That a path which {@link resolveDirectory} gave is still that directory, and still allowed.
   * @throws PathError: `path_changed` where a part of it became a link, or what else is wrong with it now
   */
  async assertStill(path: string): Promise<void> {
    if ((await this.resolveDirectory(path)) !== path) throw new PathError('path_changed', path);
  }

  /** Roots may be links themselves, and may appear later; one that is missing allows nothing. */
  private async realRoots(): Promise<string[]> {
    const found = await Promise.allSettled(this.roots.map(realPath));
    return found.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  private notAllowed(path: string): PathError {
    return new PathError('path_not_allowed', path, { roots: this.roots });
  }
}

function assertPath(path: string): void {
  if (path === '' || path.includes('\u0000') || !path.isWellFormed()) throw new PathError('path_invalid', path);
  if (!isAbsolute(path)) throw new PathError('path_not_absolute', path);
  if (Buffer.byteLength(path) > MAX_BYTES) throw new PathError('path_too_long', path);
}

/** As the kernel resolves it: `..` behind a link goes to the parent of the link's target. */
async function realPath(path: string): Promise<string> {
  const bytes = await realpath(path, { encoding: 'buffer' });
  const real = bytes.toString();
  if (!Buffer.from(real).equals(bytes)) throw new PathError('path_invalid', path, { detail: 'the real name is not UTF-8' });
  if (bytes.length > MAX_BYTES) throw new PathError('path_too_long', path);
  return real;
}

/** By trying: `access(2)` would ask for the real user, files are opened by the effective one. */
async function assertEnterable(real: string): Promise<void> {
  try {
    await (await opendir(real)).close();
    await stat(`${real}/.`);
  } catch (error) {
    throw pathErrorOf(error, real);
  }
}

function isInside(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root === '/' ? root : `${root}/`));
}

function pathErrorOf(error: unknown, path: string): PathError {
  if (error instanceof PathError) return error;
  const errno = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
  const code = CODE_OF_ERRNO[errno];
  return code ? new PathError(code, path) : new PathError('path_unusable', path, { detail: errno });
}
