import { eventually } from '../../../test/support/eventually.js';
import type { OpenBlock } from '../../events/event-log.types.js';
import { Gate } from '../hub/gate.js';
import { LogPages } from '../hub/log-pages.js';
import { PageCache } from '../hub/page-cache.js';
import { SessionReader } from '../hub/session-reader.js';
import { SessionTopic } from '../hub/session-topic.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { EPOCH, FakeLog, SESSION } from './fake-log.js';
import { FakeOutlet } from './fake-outlet.js';

export const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

export interface StageOptions {
  readonly after?: number;
  readonly limits?: Partial<RealtimeLimits>;
  readonly types?: readonly string[];
}

/** A log, its topic and a reader of it, all in memory. */
export function stage({ after = 0, limits = {}, types }: StageOptions = {}) {
  const bounds = Object.assign(new RealtimeLimits(), limits);
  const log = new FakeLog();
  const name = { sessionId: SESSION, epoch: EPOCH };
  const pages = new LogPages(name, log, new PageCache(bounds.cacheBytes), new Gate(bounds.readsAtOnce), bounds);
  const topic = new SessionTopic(name, log, pages, bounds, () => undefined);
  const ends: { ended: number; failures: unknown[] } = { ended: 0, failures: [] };

  /** One more reader, that begins as a stream does: it has looked how far the log goes. */
  const join = (to: FakeOutlet, from = after): SessionReader => {
    const reader = new SessionReader(topic, to, {
      after: from,
      deltas: true,
      ...(types ? { types: new Set(types) } : {}),
      onEnd: () => void ends.ended++,
      onFailure: (error) => void ends.failures.push(error),
    });
    topic.note(log.lastSeq);
    return reader;
  };

  const outlet = new FakeOutlet(bounds);
  const reader = join(outlet);
  const start = (open: readonly OpenBlock[] = []): void => {
    topic.note(log.lastSeq);
    reader.start(open);
  };
  const sent = (by = outlet) => by.seqs;
  const isChained = () => {
    let last = after;
    return outlet.frames
      .filter(({ type }) => type === 'events')
      .every(({ prev, cursor }) => {
        const follows = prev === last;
        last = Number(String(cursor).split('.')[1]);
        return follows;
      });
  };
  const live = (by = outlet) => eventually(() => by.types().includes('caught_up'));
  const delta = (offset: number, text: string, blockId = 'b') =>
    topic.hearDelta({ sessionId: SESSION, turn: 1, blockId, kind: 'message', offset, text });
  const openText = (text: string, blockId = 'b') => (log.open = [{ sessionId: SESSION, turn: 1, blockId, kind: 'message', text }]);
  return { log, topic, outlet, reader, ends, join, start, sent, isChained, live, delta, openText };
}
