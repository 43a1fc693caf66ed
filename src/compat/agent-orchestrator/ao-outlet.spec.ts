import { deferred } from '../../core/deferred.js';
import { RealtimeLimits } from '../../realtime/realtime-limits.js';
import { FakeSocket } from '../../realtime/testing/fake-socket.js';
import { AoOutlet, LaterFrame } from './ao-outlet.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('AoOutlet', () => {
  const connect = () => {
    const socket: any = new FakeSocket();
    const failed = jest.fn();
    return { socket, failed, outlet: new AoOutlet(socket, new RealtimeLimits(), () => [], failed) };
  };

  it('sends in order what is made later, and counts what waits for it', async () => {
    const { socket, outlet } = connect();
    const made = deferred<object>();
    outlet.tell([{ n: 1 }, new LaterFrame(1_000, () => made.promise), { n: 3 }]);
    await turn();
    expect([socket.sent, outlet.buffered]).toEqual([[{ n: 1 }], 1_000 + 7]);
    made.resolve({ n: 2 });
    await turn();
    expect([socket.sent, outlet.buffered]).toEqual([[{ n: 1 }, { n: 2 }, { n: 3 }], 0]);
    socket.emit('close');
  });

  it.each(['its peer goes', 'it is closed'])('keeps nothing that waited when %s', async (how) => {
    const { socket, failed, outlet } = connect();
    const made = deferred<object>();
    outlet.tell([new LaterFrame(1_000, () => made.promise), { n: 2 }]);
    await turn();
    if (how === 'it is closed') outlet.close(4008, 'why');
    socket.emit('close');
    expect(outlet.buffered).toBe(0);
    made.resolve({ n: 1 });
    await turn();
    expect([socket.sent, outlet.buffered, failed.mock.calls]).toEqual([[], 0, []]);
  });

  it('tells of what could not be made', async () => {
    const { socket, failed, outlet } = connect();
    const error = new Error('no');
    outlet.tell([new LaterFrame(1_000, () => Promise.reject(error))]);
    await turn();
    expect(failed.mock.calls).toEqual([[error]]);
    socket.emit('close');
  });
});
