import { DomainError, type ErrorKind } from '../core/errors/domain.error.js';

interface Fault {
  readonly kind: ErrorKind;
  readonly says: string;
  readonly remedy: string;
}

/** Each way in which a directory can be wrong. The keys are codes of the API. */
const FAULTS = {
  path_invalid: {
    kind: 'invalid_input',
    says: 'is no path: it is empty, or holds a NUL or characters that are not valid UTF-8',
    remedy: 'Give the absolute path of a directory on the host of this server.',
  },
  path_too_long: {
    kind: 'invalid_input',
    says: 'is too long',
    remedy: 'Use a directory with a shorter path, or mount it at a shorter one.',
  },
  path_not_absolute: { kind: 'invalid_input', says: 'is not an absolute path', remedy: 'Start it with "/".' },
  path_not_allowed: {
    kind: 'invalid_input',
    says: 'is not below an allowed directory',
    remedy: 'Allow its parent in MUSTER_WORKSPACE_ROOTS.',
  },
  path_escapes_roots: {
    kind: 'invalid_input',
    says: 'leads out of the allowed directories through a symbolic link',
    remedy: 'Use a directory that really lies below one of them, or allow the real one in MUSTER_WORKSPACE_ROOTS.',
  },
  path_not_found: { kind: 'invalid_input', says: 'does not exist', remedy: 'Make the directory first; Muster creates none by itself.' },
  path_not_directory: {
    kind: 'invalid_input',
    says: 'is not a directory, or lies below something that is none',
    remedy: 'Name a directory.',
  },
  path_not_accessible: {
    kind: 'invalid_input',
    says: 'cannot be read and entered by the user this server runs as',
    remedy: 'Give that user read and search permission (chmod u+rx) on it and search permission on its parents.',
  },
  path_link_loop: {
    kind: 'invalid_input',
    says: 'leads through a loop of symbolic links',
    remedy: 'Remove the loop, or name another directory.',
  },
  path_unusable: { kind: 'unavailable', says: 'cannot be looked at just now', remedy: 'Check the file system it lies on, and try again.' },
  path_changed: {
    kind: 'conflict',
    says: 'is not the directory any more that it was: a part of it was replaced by a symbolic link',
    remedy: 'Put the directory back, or make a workspace of the new one.',
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type PathErrorCode = keyof typeof FAULTS;
/** Those that answer 400. */
export const PATH_ERROR_CODES: readonly PathErrorCode[] = [
  'path_invalid',
  'path_too_long',
  'path_not_absolute',
  'path_not_allowed',
  'path_escapes_roots',
  'path_not_found',
  'path_not_directory',
  'path_not_accessible',
  'path_link_loop',
];

/** How much of a path an answer repeats. */
const SHOWN = 200;

/** A directory that can't be worked in; `code` says why, the message what to do. */
export class PathError extends DomainError {
  readonly kind: ErrorKind;
  constructor(
    readonly code: PathErrorCode,
    path: string,
    { detail, roots }: { readonly detail?: string; readonly roots?: readonly string[] } = {},
  ) {
    const { kind, says, remedy } = FAULTS[code];
    const shown = path.length > SHOWN ? `${path.slice(0, SHOWN).toWellFormed()}…` : path.toWellFormed();
    const where = roots ? ` Allowed are: ${roots.join(', ') || 'none'}.` : '';
    super(`${JSON.stringify(shown)} ${says}${detail ? ` (${detail})` : ''}.`, {
      remedy: `${remedy}${where}`,
      context: { path: shown, ...(roots ? { roots } : {}) },
    });
    this.kind = kind;
  }
}
