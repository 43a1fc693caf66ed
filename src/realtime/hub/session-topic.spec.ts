import { stage } from '../testing/stage.js';
import type { DeltaFrame, TopicReader } from './session-topic.js';

describe('a session as it is heard', () => {
  it('gathers pieces of text into frames, but not into long ones, nor of two blocks', () => {
    const { topic } = stage();
    const frames: DeltaFrame[] = [];
    const reader: TopicReader = {
      takeEvents: () => undefined,
      takeDelta: (frame) => frames.push(frame),
      takeEnd: () => undefined,
      takeNewEpoch: () => undefined,
      catchUpTo: () => undefined,
    };
    topic.acquire();
    topic.readers.add(reader);
    const offsets = new Map<string, number>();
    const hear = (blockId: string, length: number) => {
      const offset = offsets.get(blockId) ?? 0;
      topic.hearDelta({ sessionId: 's', turn: 1, blockId, kind: 'message', offset, text: 'x'.repeat(length) });
      offsets.set(blockId, offset + length);
    };
    for (let n = 0; n < 10; n++) hear('a', 5_000);
    hear('b', 1);
    hear('a', 1);
    topic.flush();
    expect(frames.map(({ delta: { blockId, offset, text } }) => [blockId, offset, text.length])).toEqual([
      ['a', 0, 15_000],
      ['a', 15_000, 15_000],
      ['a', 30_000, 15_000],
      ['a', 45_000, 5_000],
      ['b', 0, 1],
      ['a', 50_000, 1],
    ]);
    topic.release();
  });
});
