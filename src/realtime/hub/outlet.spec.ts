import fc from 'fast-check';
import { eventually } from '../../../test/support/eventually.js';
import { EPOCH } from '../testing/fake-log.js';
import { stage } from '../testing/stage.js';
import { FeedReader } from './feed-reader.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Outlet', () => {
  it('lets a reader send nothing while it is held, and everything in order afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('hear', 'lose', 'delta', 'hold', 'letGo', 'blink', 'turn'), { maxLength: 60 }),
        async (steps) => {
          const { log, topic, outlet, reader, start, sent, delta } = stage({ limits: { pageEvents: 4, tailEvents: 3 } });
          log.commit(5);
          start();
          for (const step of steps) {
            if (step === 'hear') topic.hear(log.commit(2));
            if (step === 'lose') log.commit(1);
            if (step === 'delta') delta(0, 'x');
            if (step === 'hold') outlet.hold();
            if (step === 'letGo') outlet.letGo();
            if (step === 'blink') {
              outlet.letGo();
              outlet.hold();
            }
            const frozen = outlet.frames.length;
            await turn();
            if (outlet.isHeld) expect(outlet.frames.length).toBe(frozen);
          }
          outlet.letGo();
          topic.hear(log.commit(1));
          await eventually(() => sent().length === log.events.length);
          expect(sent()).toEqual(Array.from({ length: log.events.length }, (_, at) => at + 1));
          expect(outlet.types()).not.toContain('slow');
          reader.close();
        },
      ),
      { numRuns: 100 },
    );
  });

  it('lets a reader of the feed send nothing while it is held', async () => {
    const { outlet } = stage();
    const events = Array.from({ length: 20 }, (_, at): any => ({ position: at + 1, name: 'session.updated', data: {} }));
    const follower: any = { listen: async () => () => undefined, readAfter: async (position: number) => events.slice(position) };
    outlet.hold();
    const asked: number[] = [];
    const reader = new FeedReader(follower, outlet, {
      epoch: EPOCH,
      after: 0,
      isWanted: ({ position }) => asked.push(position) > 0,
      onFailure: () => undefined,
    });
    reader.start();
    await turn();
    outlet.letGo();
    outlet.hold();
    await turn();
    expect([outlet.frames, asked]).toEqual([[], []]);
    outlet.letGo();
    await eventually(() => outlet.types().includes('caught_up'));
    expect(outlet.frames.map(({ position }) => position)).toEqual([...events.map(({ position }) => position), undefined]);
    reader.close();
  });

  it('keeps an end back while it is held, and for ever from a reader that is closed meanwhile', async () => {
    for (const isClosed of [false, true]) {
      const { log, topic, outlet, reader, start } = stage();
      log.commit(1);
      start();
      await eventually(() => outlet.types().includes('caught_up'));
      outlet.hold();
      topic.markEnded(1, 'stopped');
      await turn();
      expect(outlet.types()).not.toContain('end');
      if (isClosed) reader.close();
      outlet.letGo();
      if (!isClosed) await eventually(() => outlet.types().includes('end'));
      await turn();
      expect(outlet.types().includes('end')).toBe(!isClosed);
    }
  });

  it('lets nobody wait for what is closed', async () => {
    const { outlet } = stage();
    outlet.hold();
    const waiting = outlet.drained();
    outlet.closed();
    await waiting;
    expect(outlet.isHeld).toBe(false);
    outlet.hold();
    expect(outlet.isHeld).toBe(false);
  });
});
