import { registerDecorator } from 'class-validator';

/** How the git worktree of a session is made. */
export class WorktreeRequest {
  /** A branch that is not there yet. Absent: `muster/<id of the session>`. @example 'fix/readme' */
  branch?: string;
  /** The branch, tag or commit to begin from. Absent: what is checked out. @example 'main' */
  base?: string;
}

const MAX_LENGTH = 200;
const MESSAGE = `must be an object with branch and base, each a string of 1 to ${MAX_LENGTH} characters without control characters`;

/** A {@link WorktreeRequest} and nothing besides. */
export function IsWorktree(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'isWorktree',
      target: target.constructor,
      propertyName: String(property),
      options: { message: MESSAGE },
      constraints: [MAX_LENGTH],
      validator: { validate: isWorktree },
    });
}

function isWorktree(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([key, name]: [string, unknown]) => (key === 'branch' || key === 'base') && isName(name));
}

const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length >= 1 && value.length <= MAX_LENGTH && value.isWellFormed() && !/\p{Cc}/u.test(value);
