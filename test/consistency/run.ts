import type { PostgresCluster } from '../support/postgres-cluster.js';
import { check } from './checker/check.js';
import type { Anomaly } from './checker/anomaly.types.js';
import { HttpClient, NoAnswerError } from './clients/http-client.js';
import { Reader } from './clients/reader.js';
import { HttpSender, type Sender, SocketSender } from './clients/senders.js';
import { parseCursor, seenIn } from './clients/wire.js';
import { pause, Writer } from './clients/writer.js';
import { playLane } from './fault-player.js';
import { type Figures, figuresOf } from './figures.js';
import type { FinalRead, Operation, SeenEvent } from './history/operation.types.js';
import { Recorder } from './history/recorder.js';
import { randomFor, type Schedule } from './schedule.js';
import { Target } from './target.js';

/** How long a client waits for an answer: shorter than most faults, so that outcomes stay unknown. */
const TIMEOUT_MS = 1_200;
/** What must be done after all is healed: every outcome known, every reader at the end. */
const SETTLE_MS = 20_000;

export interface RunOptions {
  /** What Node is to run instead of the built server. */
  readonly program?: readonly string[];
  readonly cluster?: PostgresCluster;
  /** Where the history is written down. */
  readonly historyPath?: string;
  readonly settleMs?: number;
}

export interface RunResult {
  readonly schedule: Schedule;
  readonly history: readonly Operation[];
  readonly anomalies: readonly Anomaly[];
  readonly figures: Figures;
}

/** Plays one schedule against a server of its own, reads everything when all is healed, and checks what was seen. */
export async function runSchedule(schedule: Schedule, options: RunOptions = {}): Promise<RunResult> {
  const recorder = new Recorder(options.historyPath);
  const target = await Target.start({
    ...options,
    database: schedule.database,
    random: randomFor(schedule.seed, 'proxy'),
    onDeath: (how) =>
      recorder.record({
        f: 'stalled',
        phase: 'info',
        process: 'server',
        op: recorder.nextOp(),
        session: '',
        what: `ended by itself (${how})`,
      }),
  });
  try {
    await new Run(schedule, target, recorder, options.settleMs ?? SETTLE_MS).play();
  } finally {
    await target.close();
    await recorder.close();
  }
  const { history } = recorder;
  return { schedule, history, anomalies: check(history), figures: figuresOf(history) };
}

class Run {
  private readonly direct: HttpClient;

  constructor(
    private readonly schedule: Schedule,
    private readonly target: Target,
    private readonly recorder: Recorder,
    private readonly settleMs: number,
  ) {
    this.direct = new HttpClient(
      () => target.directUrl,
      () => target.key,
    );
  }

  async play(): Promise<void> {
    const { schedule, recorder } = this;
    const sessions = await Promise.all(Array.from({ length: schedule.sessions }, () => this.createSession()));
    const look = (process: string, session: string) => this.look(process, session);
    const writers = schedule.writers.map(
      (plan) => new Writer(plan, sessions, this.sender(plan.via), recorder, randomFor(schedule.seed, plan.name), look),
    );
    const flood = { name: 'flood', thinkMs: 0, window: 0, batch: 20 };
    const flooder = new Writer(flood, sessions, this.sender('batch'), recorder, randomFor(schedule.seed, 'flood'), look);
    const readers = schedule.readers.map((plan) => {
      const session = sessions[plan.session] ?? '';
      const sources = { http: this.client(), url: () => this.target.url, key: () => this.target.key };
      return new Reader(plan, session, sources, recorder, randomFor(schedule.seed, plan.name));
    });
    const sessionOf = (reader: number): string => sessions[schedule.readers[reader]?.session ?? 0] ?? '';
    const players = { target: this.target, readers, flooder, sessionOf, recorder };

    const writing = Promise.all(writers.map((each) => each.run()));
    const reading = Promise.all(readers.map((each) => each.run()));
    const stopping = Promise.all(schedule.stops.map(async ({ session, atMs }) => (await pause(atMs), this.stop(sessions[session] ?? ''))));
    const breaking = Promise.all(schedule.lanes.map((lane) => playLane(lane, schedule.loadMs, players)));
    await Promise.all([pause(schedule.loadMs), breaking]);

    // Everything works again from here on; connections that died on the way are closed.
    this.target.proxy.heal();
    this.target.proxy.cut('destroy', 0.5);
    writers.forEach((each) => each.stop());
    await within(this.settleMs, Promise.all([writing, stopping]), () => writers.forEach((each) => each.abandon()));
    const finals = await Promise.all(sessions.map((session) => this.readAll(session)));
    readers.forEach((reader, at) => {
      const final = finals[schedule.readers[at]?.session ?? 0];
      reader.finish(final?.until ?? 0, ENDED.includes(final?.status ?? ''));
    });
    await within(this.settleMs, reading, () => readers.forEach((each) => each.stop()));
    this.direct.close();
  }

  private client(): HttpClient {
    return new HttpClient(
      () => this.target.url,
      () => this.target.key,
    );
  }

  private sender(via: Sender['via']): Sender {
    return via === 'ws'
      ? new SocketSender(
          () => this.target.url,
          () => this.target.key,
          TIMEOUT_MS,
        )
      : new HttpSender(via, this.client(), TIMEOUT_MS);
  }

  private async createSession(): Promise<string> {
    const { status, text } = await this.direct.call('POST', '/api/sessions', { runtime: 'external' }, SETTLE_MS);
    if (status !== 201) throw new Error(`POST /api/sessions answered ${status}: ${text}`);
    const { id }: { id: string } = JSON.parse(text);
    return id;
  }

  /** Ends a session, as often as it takes. */
  private async stop(session: string): Promise<void> {
    const client = this.client();
    const base = { f: 'stop', process: 'stopper', op: this.recorder.nextOp(), session } as const;
    this.recorder.record({ ...base, phase: 'invoke' });
    for (const end = performance.now() + this.schedule.loadMs + this.settleMs; performance.now() < end; await pause(100)) {
      const code = await client
        .call('POST', `/api/sessions/${session}/stop`, undefined, TIMEOUT_MS)
        .then(({ code }) => code, codeOfNoAnswer);
      this.recorder.record({ ...base, phase: code === '200' ? 'ok' : 'info', code });
      if (code === '200') return client.close();
    }
    this.recorder.record({ f: 'stalled', phase: 'info', process: 'stopper', op: base.op, session, what: 'the session can not be ended' });
  }

  /** Where a log stands, asked at once by one who was just told that something is in it. */
  private async look(process: string, session: string): Promise<void> {
    const base = { f: 'read', process, op: this.recorder.nextOp(), via: 'page', session } as const;
    this.recorder.record({ ...base, phase: 'invoke', after: 0, isSeek: true });
    try {
      const { status, text, code } = await this.direct.call('GET', `/api/sessions/${session}`, undefined, TIMEOUT_MS);
      if (status !== 200) return this.recorder.record({ ...base, phase: 'info', code });
      const { cursor }: { cursor: string } = JSON.parse(text);
      const { epoch, seq: until } = parseCursor(cursor);
      this.recorder.record({ ...base, phase: 'ok', frame: 'snapshot', until, epoch });
    } catch (error) {
      this.recorder.record({ ...base, phase: 'info', code: codeOfNoAnswer(error) });
    }
  }

  /** The whole log, page by page, past the proxy. */
  private async readAll(session: string): Promise<FinalRead | undefined> {
    const op = this.recorder.nextOp();
    const began = this.recorder.history.length;
    const events: SeenEvent[] = [];
    try {
      for (let cursor: string | null = '0'; ;) {
        const page: string = await this.get(`/api/sessions/${session}/events?limit=1000&after=${cursor}`);
        events.push(...seenIn(page, 'items'));
        const { cursor: at, nextCursor }: { cursor: string; nextCursor: string | null } = JSON.parse(page);
        cursor = nextCursor;
        if (cursor !== null) continue;
        const { status }: { status: string } = JSON.parse(await this.get(`/api/sessions/${session}`));
        const { epoch, seq: until } = parseCursor(at);
        this.recorder.record({ f: 'final', phase: 'ok', process: 'final', op, session, epoch, status, began, until, events });
        const final = this.recorder.history.at(-1);
        return final?.f === 'final' ? final : undefined;
      }
    } catch (error) {
      this.recorder.record({
        f: 'stalled',
        phase: 'info',
        process: 'final',
        op,
        session,
        what: `the log can not be read: ${String(error)}`,
      });
      return undefined;
    }
  }

  private async get(path: string): Promise<string> {
    for (const end = performance.now() + this.settleMs; ; await pause(100)) {
      const { status, text } = await this.direct
        .call('GET', path, undefined, 10_000)
        .catch((error: unknown) => ({ status: 0, text: String(error) }));
      if (status === 200) return text;
      if (performance.now() > end) throw new Error(`${path} answered ${status}: ${text.slice(0, 300)}`);
    }
  }
}

const ENDED: readonly string[] = ['completed', 'failed', 'stopped', 'expired'];

const codeOfNoAnswer = (error: unknown): string => {
  if (error instanceof NoAnswerError) return error.message;
  throw error;
};

/** Waits for it; calls `giveUp` after so long, and waits on: what gives up ends. */
async function within(ms: number, done: Promise<unknown>, giveUp: () => void): Promise<void> {
  const timer = setTimeout(giveUp, ms);
  await done;
  clearTimeout(timer);
}
