import { deferred } from '../deferred.js';
import { Turns } from './turns.js';
import type { Work } from './work.js';

/** What a handler does within one unit of work, and what is written last in it: see {@link UnitOfWork.around}. */
export class Span {
  /** Units that the handler begins at the same time go one after the other: the first one opens it, the others join. */
  readonly turns = new Turns();
  /** Says what is written last, once the handler has returned; rejects where it threw. */
  readonly end = deferred<() => Promise<void>>();
  /** The unit, once it was begun: ends with its commit, or after its rollback. */
  unit: Promise<void> | undefined;
  /** The unit to join: open from the end of the first body on. */
  work: Work | undefined;
  isOver = false;

  constructor() {
    // Where no unit was begun, nobody waits for the end.
    this.end.promise.catch(() => undefined);
  }
}
