import { FakeOutlet } from '../testing/fake-outlet.js';
import { SessionReaders } from './session-readers.js';

describe('SessionReaders', () => {
  const setUp = () => {
    const [started, cancelled]: [string[], string[]] = [[], []];
    const prepared = (name: string): any => ({
      sessionId: 's',
      start: () => (started.push(name), { close: () => started.splice(started.indexOf(name), 1) }),
      cancel: () => void cancelled.push(name),
    });
    const access: any = { lookUp: async (look: any, use: any) => use(await look()) };
    const streams: any = { prepare: async () => prepared('of all') };
    const readers = new SessionReaders(access, new FakeOutlet(), streams);
    const ends = () => ({ onEnd: () => undefined });
    return { readers, started, cancelled, prepared, ends };
  };

  it('sends a session once, also where a subscription to all comes upon it before its own subscription was answered', async () => {
    const { readers, started, cancelled, prepared, ends } = setUp();
    readers.reserve('s', 'one', ends());
    await readers.join('s', 'all', {}, ends(), () => true);
    readers.start(prepared('of one'));
    expect([started, cancelled]).toEqual([['of one'], []]);
    readers.leave('one');
    expect(started).toEqual(['of one']);
    readers.leave('all');
    expect(started).toEqual([]);
  });

  it('starts nothing that was left before it began', () => {
    const { readers, started, cancelled, prepared, ends } = setUp();
    readers.reserve('s', 'one', ends());
    readers.leave('one');
    readers.start(prepared('of one'));
    expect([started, cancelled, readers.has('s')]).toEqual([[], ['of one'], false]);
  });
});
