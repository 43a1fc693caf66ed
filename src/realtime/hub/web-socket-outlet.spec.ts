import { UnauthenticatedError } from '../../auth/auth.errors.js';
import { DatabaseUnavailableError } from '../../core/errors/storage.errors.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { FakeSocket } from '../testing/fake-socket.js';
import { WebSocketOutlet } from './web-socket-outlet.js';

class PlainOutlet extends WebSocketOutlet {
  readonly buffered = 0;
  protected transmit(): void {}
}

const limits = new RealtimeLimits();
const connect = () => {
  const socket: any = new FakeSocket();
  return { socket, outlet: new PlainOutlet(socket, limits) };
};

describe('WebSocketOutlet', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('cuts a peer that does not answer the close frame', () => {
    const [silent, polite] = [connect(), connect()];
    for (const { outlet } of [silent, polite]) outlet.close(4008, 'why');
    polite.socket.emit('close');
    jest.advanceTimersByTime(4_999);
    expect(silent.socket.isTerminated).toBe(false);
    jest.advanceTimersByTime(1);
    expect([silent.socket.isTerminated, polite.socket.isTerminated]).toEqual([true, false]);
    expect([silent.socket.closes, polite.socket.closes]).toEqual([[[4008, 'why']], [[4008, 'why']]]);
    expect([silent.outlet.isClosed, polite.outlet.isClosed]).toEqual([true, true]);
  });

  it('closes a peer that answers no ping, unless it can not be heard', () => {
    const { pingEveryMs, pongWithinMs } = limits;
    const [alive, dead, paused, queued] = [connect(), connect(), connect(), connect()];
    alive.socket.ping = () => alive.socket.emit('pong');
    paused.socket.isPaused = true;
    queued.outlet.isQueued = true;
    jest.advanceTimersByTime(pingEveryMs + pongWithinMs);
    expect([alive, dead, paused, queued].map(({ socket }) => socket.closes)).toEqual([[], [[4008, 'no pong in time']], [], []]);
    for (const { socket } of [alive, dead, paused, queued]) socket.emit('close');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells why access has ended', () => {
    const [revoked, unknown] = [connect(), connect()];
    revoked.outlet.endAccess(new UnauthenticatedError());
    unknown.outlet.endAccess(new DatabaseUnavailableError('gone', undefined));
    expect([revoked.socket.closes[0][0], unknown.socket.closes[0][0]]).toEqual([4401, 1013]);
  });

  it('is closed when its socket is', () => {
    const { socket, outlet } = connect();
    const closed = jest.fn();
    outlet.onClose(closed);
    socket.emit('close');
    socket.emit('close');
    expect([outlet.isClosed, closed.mock.calls.length]).toEqual([true, 1]);
  });
});
