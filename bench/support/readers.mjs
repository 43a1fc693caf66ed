// Many WebSocket readers in a process of their own. They look only at what numbers a frame, so that they are not what is measured.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { answering } from './processes.mjs';
import { percentile } from './figures.mjs';
import { WsLink } from './ws-link.mjs';

const AT_ONCE = 64;
const CAUGHT_UP = Buffer.from('{"type":"caught_up"');
const ERROR = Buffer.from('{"type":"error"');
const EVENTS = Buffer.from('{"type":"events"');
const NUMBERS = /"prev":(\d+),"cursor":"([0-9a-f]+)\.(\d+)"/;

/** Milliseconds on a clock that all processes of this machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

let readers = [];
/** `[session index, seq, time]` of every event of every reader, while it is recorded. */
let arrivals;
let check = () => undefined;

const startsWith = (data, from, end, what) =>
  end - from >= what.length && data.compare(what, 0, what.length, from, from + what.length) === 0;

class Reader {
  count = 0;
  frames = 0;
  cursor = '0';
  captured;
  onCaughtUp = () => undefined;
  onFailure = () => undefined;

  constructor(index) {
    this.index = index;
  }

  async open(port, key) {
    this.link = await WsLink.open(port, key);
    this.link.onFrame = (data, from, end) => this.take(data, from, end);
  }

  take(data, from, end) {
    if (startsWith(data, from, end, CAUGHT_UP)) return this.onCaughtUp();
    if (startsWith(data, from, end, ERROR)) return this.onFailure(new Error(data.toString('utf8', from, end)));
    if (!startsWith(data, from, end, EVENTS)) return undefined;
    const found = NUMBERS.exec(data.latin1Slice(from, Math.min(end, from + 200)));
    const prev = Number(found[1]);
    const last = Number(found[3]);
    this.cursor = `${found[2]}.${last}`;
    this.count += last - prev;
    this.frames += 1;
    if (arrivals) {
      const time = now();
      for (let seq = prev + 1; seq <= last; seq++) arrivals.push(this.session, seq, time);
    }
    this.captured?.push(data.toString('utf8', from, end));
    return check();
  }

  subscribe(sessions, after) {
    this.session = this.index % sessions.length;
    return new Promise((done, fail) => {
      this.onCaughtUp = () => done(now());
      this.onFailure = fail;
      this.link.onClose = () => fail(new Error('The server closed a WebSocket.'));
      this.link.send(JSON.stringify({ type: 'subscribe', sessionId: sessions[this.session], after }));
    });
  }
}

async function each(items, run) {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(run));
}

answering({
  /** `count` readers, reader i of session i modulo their number, caught up; `after` a cursor or that of the session's index. */
  open: async ({ port, key, count, sessions, after = '0' }) => {
    const added = Array.from({ length: count }, (_, at) => new Reader(readers.length + at));
    await each(added, async (reader) => {
      await reader.open(port, key);
      await reader.subscribe(sessions, after);
    });
    readers.push(...added);
    return {};
  },
  record: async () => {
    arrivals = [];
    return {};
  },
  /** How long after its acknowledgement (`[session index, seq, time]`) each event came, in milliseconds. */
  latencies: async ({ acks }) => {
    const at = new Map(acks.map(([session, seq, time]) => [`${session} ${seq}`, time]));
    const values = [];
    for (let index = 0; index < arrivals.length; index += 3) {
      const ack = at.get(`${arrivals[index]} ${arrivals[index + 1]}`);
      if (ack !== undefined) values.push(arrivals[index + 2] - ack);
    }
    arrivals = undefined;
    return { count: values.length, p50: percentile(values, 0.5), p99: percentile(values, 0.99), most: percentile(values, 1) };
  },
  counts: async () => ({
    least: Math.min(...readers.map(({ count }) => count)),
    events: readers.reduce((sum, { count }) => sum + count, 0),
    frames: readers.reduce((sum, { frames }) => sum + frames, 0),
  }),
  /** Resolves when every reader has counted that many. */
  until: ({ count }) =>
    new Promise((done) => {
      // Only the last to come can be the one that is waited for.
      let slowest = 0;
      check = () => {
        while (slowest < readers.length && readers[slowest].count >= count) slowest += 1;
        if (slowest < readers.length) return;
        check = () => undefined;
        done({});
      };
      check();
    }),
  capture: async () => {
    readers[0].captured = [];
    return {};
  },
  captured: async () => {
    const frames = readers[0].captured;
    readers[0].captured = undefined;
    return { frames };
  },
  cut: async () => {
    readers.forEach(({ link }) => link.destroy());
    return {};
  },
  /** All at once, each from its cursor; gives the milliseconds until each had caught up, from the first connection on, and how long this process itself was busy at most. */
  reconnect: async ({ port, key, sessions }) => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const start = now();
    const times = await Promise.all(
      readers.map(async (reader) => {
        await reader.open(port, key);
        return (await reader.subscribe(sessions, reader.cursor)) - start;
      }),
    );
    return { times, blockedMs: delay.max / 1e6 };
  },
  close: async () => {
    readers.forEach(({ link }) => link.destroy());
    readers = [];
    return {};
  },
});
