import { SESSION } from '../testing/fake-log.js';
import { stage } from '../testing/stage.js';

describe('OpenTexts', () => {
  it('goes on with deltas exactly behind the text of the snapshot', async () => {
    const { topic, outlet, live, delta, openText, start } = stage();
    start([{ sessionId: SESSION, turn: 1, blockId: 'b', kind: 'message', text: 'Hello' }]);
    delta(0, 'Hello');
    openText('Hello, wor');
    delta(5, ', wor');
    await live();
    delta(10, 'ld');
    openText('Hello, world');
    topic.flush();
    const text = outlet.frames
      .filter(({ type }) => type === 'delta')
      .reduce((sum, { offset, text }) => {
        expect(offset).toBe(sum.length);
        return sum + text;
      }, 'Hello');
    expect(text).toBe('Hello, world');
  });

  it('sends no delta behind the message that holds its text, also where the log knows it before the announcement', async () => {
    const { log, topic, outlet, live, delta, openText, start } = stage();
    openText('Hello');
    const committed = log.commit(1, { changes: { id: 'b', type: 'message', payload: '{"role":"assistant","content":[],"blockId":"b"}' } });
    start(log.open);
    await live();
    delta(0, 'Hello');
    topic.hear(committed);
    log.open = [];
    topic.flush();
    expect(outlet.types()).toEqual(['events', 'caught_up']);
  });

  it('sends no delta behind its message where both were heard in the moment in which it goes live', async () => {
    const { log, topic, outlet, live, delta, start } = stage();
    log.commit(1);
    let rounds = 0;
    log.duringRead = () => {
      if (rounds++ > 0) return;
      delta(0, 'Hello');
      topic.hear(log.commit(1, { changes: { id: 'b', type: 'message' } }));
    };
    start();
    await live();
    topic.flush();
    expect(outlet.types()).toEqual(['events', 'events', 'caught_up']);
  });

  it('joins pieces of a burst and keeps them before the message', async () => {
    const { log, topic, outlet, live, delta, start } = stage();
    start();
    await live();
    delta(0, 'a');
    delta(1, 'b');
    delta(2, 'c');
    topic.hear(log.commit(1, { changes: { id: 'b', type: 'message' } }));
    topic.flush();
    expect(outlet.frames.slice(1)).toMatchObject([
      { type: 'delta', offset: 0, text: 'abc' },
      { type: 'events', prev: 0 },
    ]);
  });
});
