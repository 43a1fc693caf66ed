import { EventEmitter } from 'node:events';

/** A WebSocket of `ws` that notes what is done to it; its peer is the test. */
export class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = this.OPEN;
  readonly sent: unknown[] = [];
  readonly closes: [code: number, reason: string][] = [];
  isPaused = false;
  bufferedAmount = 0;
  pings = 0;
  isTerminated = false;

  send(text: string, taken: () => void): void {
    this.sent.push(JSON.parse(text));
    taken();
  }

  ping(): void {
    this.pings += 1;
  }

  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }

  terminate(): void {
    this.isTerminated = true;
  }
}
