import { ANOMALIES, type AnomalyKind } from './anomaly.types.js';
import { check } from './check.js';
import { HandMade, seen, statusEvent } from './hand-made.js';

const kinds = ({ history }: HandMade): AnomalyKind[] => [...new Set(check(history).map(({ kind }) => kind))].sort();

/** Read by `r` and in the end what is in the log. */
const readToTheEnd = (made: HandMade, ...ids: string[]): HandMade => made.read('r', 0, ids).final(ids);

const CLEAN: Record<string, () => HandMade> = {
  'appends, read by pages': () => readToTheEnd(new HandMade().append('a', 1).append('b', 2), 'a', 'b'),
  'an unknown outcome that was nothing': () => readToTheEnd(new HandMade().unknown('a').append('b', 1), 'b'),
  'an unknown outcome that was stored': () => readToTheEnd(new HandMade().unknown('a').append('b', 2), 'a', 'b'),
  'an unknown outcome, sent again': () => readToTheEnd(new HandMade().unknown('a').append('a', 1, { duplicate: true }), 'a'),
  'a refused attempt before one that is stored': () => readToTheEnd(new HandMade().refused('a', 'storage_full').append('a', 1), 'a'),
  'a refused event that is not there': () => readToTheEnd(new HandMade().append('a', 1).refused('b'), 'a'),
  'a batch with what others wrote in between': () => {
    const made = new HandMade();
    const x = made.begin('x');
    return readToTheEnd(made.batch(['a', 1], ['b', 3]).answered(x, 'x', 2), 'a', 'x', 'b');
  },
  'two at once, in either order': () => {
    const made = new HandMade();
    const [a, b] = [made.begin('a'), made.begin('b')];
    return readToTheEnd(made.answered(b, 'b', 1).answered(a, 'a', 2), 'b', 'a');
  },
  'a read while an append is under way': () => {
    const made = new HandMade();
    const a = made.begin('a');
    return made.read('r', 0, []).answered(a, 'a', 1).read('r', 0, ['a']).final(['a']);
  },
  'a stream to the end, and its reader again on another one': () => {
    const made = new HandMade().append('a', 1).append('b', 2);
    const first = made.open('r', 0);
    made.frame('r', first, { frame: 'snapshot', until: 2 }).events('r', first, 0, ['a']);
    const second = made.open('r', 1, 'ws');
    made.frame('r', second, { frame: 'snapshot', until: 2 }).events('r', second, 1, ['b']);
    made.frame('r', second, { frame: 'caught_up', until: 2 }).events('r', second, 2, [statusEvent('end', 3, 'stopped')]);
    made.frame('r', second, { frame: 'end', until: 3, note: 'stopped' });
    const third = made.open('r', 3);
    made.frame('r', third, { frame: 'end', until: 3, note: 'stopped' });
    return made.final(['a', 'b', statusEvent('end', 3, 'stopped')], { status: 'stopped' });
  },
};

/** By the kind that must be found: a history that shows it, and what else it shows. */
const WRONG: Record<AnomalyKind, Record<string, { readonly made: () => HandMade; readonly also?: readonly AnomalyKind[] }>> = {
  'lost-write': {
    'others behind it were read': {
      made: () =>
        new HandMade()
          .append('a', 1)
          .append('b', 2)
          .read('r', 1, ['b'])
          .final([seen('b', 2)]),
      also: ['gap'],
    },
    'its number was given to somebody else': {
      made: () => readToTheEnd(new HandMade().append('a', 1).unknown('b'), 'b'),
      also: ['inconsistent-offsets'],
    },
  },
  unseen: { 'the last one is not there': { made: () => new HandMade().append('a', 1).append('b', 2).final(['a']) } },
  duplicate: {
    'one event under two numbers': { made: () => readToTheEnd(new HandMade().append('a', 1), 'a', 'a') },
    'told twice to be new': { made: () => readToTheEnd(new HandMade().append('a', 1).append('a', 1), 'a') },
    'told to be old at the first attempt': { made: () => readToTheEnd(new HandMade().append('a', 1, { duplicate: true }), 'a') },
  },
  'inconsistent-offsets': {
    'two readers disagree': {
      made: () => new HandMade().unknown('a').unknown('b').read('r', 0, ['a']).read('q', 0, ['b']).final(['b', 'a']),
      also: ['duplicate'],
    },
    'two acknowledgements of one number': {
      made: () => readToTheEnd(new HandMade().append('a', 1).append('b', 1), 'a'),
      also: ['lost-write', 'nonmonotonic-send'],
    },
  },
  'int-skip': {
    'a page leaves one out': {
      made: () =>
        new HandMade()
          .batch(['a', 1], ['b', 2], ['c', 3])
          .read('r', 0, ['a', seen('c', 3)])
          .final(['a', 'b', 'c']),
    },
  },
  'int-nonmonotonic-poll': {
    'a page goes back': {
      made: () =>
        new HandMade()
          .batch(['a', 1], ['b', 2])
          .read('r', 0, ['a', 'b', seen('a', 1)], { until: 1 })
          .final(['a', 'b']),
      also: ['stale-read'],
    },
  },
  skip: {
    'a frame does not follow the one before': {
      made: () => {
        const made = new HandMade().batch(['a', 1], ['b', 2], ['c', 3]);
        const stream = made.open('r', 0);
        return made.events('r', stream, 0, ['a']).events('r', stream, 2, ['c']).final(['a', 'b', 'c']);
      },
    },
    'a cursor leads past an event': {
      made: () => new HandMade().batch(['a', 1], ['b', 2]).read('r', 0, ['a'], { until: 2 }).read('r', 2, []).final(['a', 'b']),
    },
    'caught up without having all': {
      made: () => {
        const made = new HandMade().batch(['a', 1], ['b', 2]);
        const stream = made.open('r', 0);
        return made.events('r', stream, 0, ['a']).frame('r', stream, { frame: 'caught_up', until: 2 }).final(['a', 'b']);
      },
    },
    'the end comes too early': {
      made: () => {
        const made = new HandMade().append('a', 1);
        const stream = made.open('r', 0);
        made.events('r', stream, 0, ['a']).frame('r', stream, { frame: 'end', until: 1 });
        return made.final(['a', statusEvent('end', 2, 'stopped')], { status: 'stopped' });
      },
    },
  },
  'nonmonotonic-poll': {
    'a reader is given again what it had': {
      made: () => {
        const made = new HandMade().batch(['a', 1], ['b', 2]);
        const stream = made.open('r', 0);
        return made.events('r', stream, 0, ['a', 'b']).events('r', stream, 1, ['b']).final(['a', 'b']);
      },
    },
    'a stream begins before its cursor': {
      made: () =>
        new HandMade()
          .append('a', 1)
          .read('r', 1, [seen('a', 1)], { until: 1 })
          .final(['a']),
    },
  },
  'nonmonotonic-send': {
    'what was sent later comes before': { made: () => readToTheEnd(new HandMade().append('a', 2).append('b', 1), 'b', 'a') },
    'a batch in another order': { made: () => readToTheEnd(new HandMade().batch(['a', 2], ['b', 1]), 'b', 'a') },
  },
  'aborted-read': {
    'every attempt was refused': { made: () => readToTheEnd(new HandMade().refused('a'), 'a') },
    'nobody wrote it': { made: () => readToTheEnd(new HandMade(), 'a') },
  },
  vanished: {
    'a reader had it': {
      made: () => new HandMade().unknown('a').append('b', 2).read('r', 0, ['a', 'b']).final(['b']),
      also: ['duplicate', 'inconsistent-offsets'],
    },
  },
  gap: {
    'a number is missing': {
      made: () =>
        new HandMade()
          .append('a', 1)
          .append('b', 3)
          .final(['a', seen('b', 3)]),
    },
    'the cursor is beyond the last event': { made: () => new HandMade().append('a', 1).final(['a'], { until: 2 }) },
    'an end that is not in the log': { made: () => new HandMade().append('a', 1).final(['a'], { status: 'stopped' }) },
  },
  'stale-read': {
    'a page ends before what was acknowledged': {
      made: () => new HandMade().append('a', 1).append('b', 2).read('r', 0, ['a']).final(['a', 'b']),
    },
    'a page ends before what another has read': {
      made: () => new HandMade().unknown('a').read('q', 0, ['a']).read('r', 0, []).final(['a']),
    },
    'a snapshot too': {
      made: () => {
        const made = new HandMade().append('a', 1);
        return made.frame('r', made.open('r', 0), { frame: 'snapshot', until: 0 }).final(['a']);
      },
    },
  },
  'wrong-bytes': {
    'a number with two texts': {
      made: () =>
        new HandMade()
          .append('a', 1)
          .read('r', 0, ['a'])
          .final([seen('a', 1, { bytes: 'others' })]),
    },
    'another content than was written': { made: () => new HandMade().append('a', 1).final([seen('a', 1, { content: 'others' })]) },
    'a frame that is no JSON': {
      made: () => {
        const made = new HandMade();
        return made.malformed('r', made.open('r', 0)).final([]);
      },
    },
    'an id taken again with another content': {
      made: () => readToTheEnd(new HandMade().append('a', 1).append('a', 1, { duplicate: true, as: 'others' }), 'a'),
    },
  },
  'refused-cursor': {
    'a resync without a reason': {
      made: () => {
        const made = new HandMade().append('a', 1);
        return made.frame('r', made.open('r', 1), { frame: 'resync', until: 0, note: 'beyond the end' }).final(['a']);
      },
    },
    'another epoch': {
      made: () => {
        const made = new HandMade().append('a', 1).read('r', 0, ['a']);
        return made.frame('r', made.open('r', 1), { frame: 'snapshot', until: 1, epoch: 'ffffffff' }).final(['a']);
      },
    },
  },
  'double-end': {
    'one stream is told twice': {
      made: () => {
        const end = statusEvent('end', 1, 'stopped');
        const made = new HandMade();
        const stream = made.open('r', 0);
        made.events('r', stream, 0, [end]).frame('r', stream, { frame: 'end', until: 1 }).frame('r', stream, { frame: 'end', until: 1 });
        return made.final([end], { status: 'stopped' });
      },
    },
    'the log ends twice': {
      made: () => new HandMade().final([statusEvent('end', 1, 'stopped'), statusEvent('again', 2, 'stopped')], { status: 'stopped' }),
      also: ['after-end'],
    },
  },
  'after-end': {
    'the log goes on': { made: () => new HandMade().append('a', 2).final([statusEvent('end', 1, 'stopped'), 'a'], { status: 'stopped' }) },
    'the stream goes on': {
      made: () => {
        const made = new HandMade().append('a', 1);
        const stream = made.open('r', 1);
        made.events('r', stream, 1, [statusEvent('end', 2, 'stopped')]).frame('r', stream, { frame: 'end', until: 2 });
        return made
          .frame('r', stream, { frame: 'caught_up', until: 2 })
          .final(['a', statusEvent('end', 2, 'stopped')], { status: 'stopped' });
      },
    },
  },
  stalled: { 'a reader that waits': { made: () => new HandMade().append('a', 1).stalled('has 0 of 1').final(['a']) } },
};

describe('the checker of histories', () => {
  it.each(Object.keys(CLEAN))('finds nothing in: %s', (name) => {
    const { history } = CLEAN[name]!();
    expect(check(history)).toEqual([]);
  });

  const cases = Object.entries(WRONG).flatMap(([kind, histories]) =>
    Object.entries(histories).map(([name, { made, also = [] }]) => [kind, name, made, also] as const),
  );
  it.each(cases)('finds %s: %s', (kind, _name, made, also) => {
    expect(kinds(made())).toEqual([kind, ...also].sort());
  });

  it('tells which operations show it', () => {
    const { history } = new HandMade().append('a', 1).append('b', 2).final(['a']);
    expect(check(history)).toEqual([
      { kind: 'unseen', session: 's', explanation: expect.stringContaining('b was acknowledged as 2'), operations: [3, 4] },
    ]);
  });

  it('has a hand-made history of every kind', () => {
    expect(Object.keys(WRONG).sort()).toEqual(Object.keys(ANOMALIES).sort());
  });
});
