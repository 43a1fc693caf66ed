/* eslint-disable @typescript-eslint/unbound-method -- each is called with its `this` */
import { EventLogStore } from '../../src/events/persistence/event-log.store.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import type { Work } from '../../src/core/database/work.js';
import type { StoredEvent } from '../../src/events/event-log.types.js';
import { outFrame } from '../../src/realtime/frames.types.js';
import { SessionReader } from '../../src/realtime/hub/session-reader.js';
import type { Bug } from './bugs.js';

/**
 * The server with one mistake built in, for the proof that the checker finds it:
 * `node -r test/support/swc-register.cjs test/consistency/faulty-server.ts <bug>`. What is wrong is wrong in this process only.
 */

/** What of a reader is its own affair. */
interface Inside {
  state: string;
  last: number;
  lastSent: number;
  readonly topic: { readonly known: number; flush(): void; readonly log: { readonly sessionId: string } };
  readonly outlet: { send(frame: object): void };
  cursor(): string;
  readPage(): Promise<void>;
  join(): boolean;
  start(open: readonly never[]): void;
  finish(status: 'stopped'): void;
}

const reader = SessionReader.prototype as unknown as Inside;
const store = EventLogStore.prototype;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const BUGS: Record<Bug, () => void> = {
  'acknowledges-before-commit': () => {
    const { run } = UnitOfWork.prototype;
    UnitOfWork.prototype.run = function <T>(this: UnitOfWork, body: (work: Work) => Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        const early = async (work: Work): Promise<T> => {
          const result = await body(work);
          // Appends only: what tells others of itself would be looked for by them before it is there.
          if (work.pending.length > 0) return result;
          resolve(result);
          // A disk that takes its time.
          await pause(80);
          return result;
        };
        run.call(this, early as (work: Work) => Promise<unknown>).then(resolve as (result: unknown) => void, reject);
      });
    };
  },

  'skips-the-splice': () => {
    const { readPage, join } = reader;
    // A database that takes its time: it changes nothing for a reader that joins what it heard meanwhile.
    reader.readPage = async function () {
      await readPage.call(this);
      await pause(25);
    };
    reader.join = function () {
      this.topic.flush();
      if (this.state === 'behind') this.last = this.lastSent = Math.max(this.last, this.topic.known);
      return join.call(this);
    };
  },

  'numbers-outside-the-transaction': () => {
    const { lockHeads, grow } = store;
    const numbers = new Map<string, number>();
    store.lockHeads = async function (...given) {
      const heads = await lockHeads.apply(this, given);
      return heads.map((head) => ({ ...head, lastSeq: Math.max(head.lastSeq, numbers.get(head.sessionId) ?? 0) }));
    };
    store.grow = async function (work, growths, recordedAt) {
      for (const { head, fresh } of growths) numbers.set(head.sessionId, head.lastSeq + fresh.length);
      await grow.call(this, work, growths, recordedAt);
      await pause(60);
    };
  },

  'forgets-duplicates': () => {
    store.findByIds = async (work) => {
      await work.query('drop index if exists uq_session_events_id');
      return new Map();
    };
  },

  'goes-on-after-the-end': () => {
    const { lockHeads } = store;
    store.lockHeads = async function (...given) {
      return (await lockHeads.apply(this, given)).map((head) => ({ ...head, ended: false }));
    };
  },

  'ends-twice': () => {
    const { finish } = reader;
    reader.finish = function (status) {
      this.outlet.send(outFrame({ type: 'end', sessionId: this.topic.log.sessionId, cursor: this.cursor(), status }));
      finish.call(this, status);
    };
  },

  'resumes-one-too-early': () => {
    const { start } = reader;
    reader.start = function (open) {
      this.last = this.lastSent = Math.max(0, this.last - 1);
      start.call(this, open);
    };
  },

  'prints-payloads-anew': () => {
    const { read } = store;
    const printed = (event: StoredEvent): StoredEvent => ({ ...event, payload: event.payload && event.payload.replace('{', '{ ') });
    store.read = async function (...given) {
      return (await read.apply(this, given)).map(printed);
    };
  },
};

const bug = BUGS[process.argv[2] as Bug] as (() => void) | undefined;
if (!bug) throw new Error(`No such bug: ${process.argv[2]}. There are: ${Object.keys(BUGS).join(', ')}.`);
bug();
void import('../../src/main.js');
