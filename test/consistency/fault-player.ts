import type { Reader } from './clients/reader.js';
import { pause, type Writer } from './clients/writer.js';
import type { Recorder } from './history/recorder.js';
import type { Fault } from './schedule.js';
import type { Target } from './target.js';

/** What floods a reader that has stopped reading: more than sockets and their buffers take. */
const FLOOD_EVENTS = 300;
/** Characters of each: below what is kept apart from the event (64 KiB). */
const FLOOD_SIZE = 30_000;

export interface Players {
  readonly target: Target;
  readonly readers: readonly Reader[];
  readonly flooder: Writer;
  /** The session that a reader reads. */
  readonly sessionOf: (reader: number) => string;
  readonly recorder: Recorder;
}

/** One fault after the other, each at its time or, where the one before took longer, behind it; none begins after `loadMs`. */
export async function playLane(lane: readonly Fault[], loadMs: number, players: Players): Promise<void> {
  const began = performance.now();
  for (const fault of lane) {
    await pause(fault.atMs - (performance.now() - began));
    if (performance.now() - began > loadMs) return;
    await play(fault, players);
  }
}

/** Lets one fault happen, and mends it. */
async function play(fault: Fault, players: Players): Promise<void> {
  const { recorder } = players;
  const { kind, atMs, forMs, ...detail } = fault;
  const op = recorder.nextOp();
  const base = { f: 'fault', process: 'faults', op, kind, detail: JSON.stringify({ forMs, ...detail }) } as const;
  recorder.record({ ...base, phase: 'begin' });
  await act(fault, players);
  recorder.record({ ...base, phase: 'end' });
}

async function act(fault: Fault, { target, readers, flooder, sessionOf }: Players): Promise<void> {
  const { proxy } = target;
  switch (fault.kind) {
    case 'kill':
    case 'restart':
      return target.alone(async () => {
        await target.stop(fault.kind === 'kill' ? 'SIGKILL' : 'SIGTERM');
        await pause(fault.forMs);
        await target.startAgain();
      });
    case 'pause':
      return target.alone(async () => {
        target.pause();
        await pause(fault.forMs);
        target.resume();
      });
    case 'database-restart':
      await target.stopDatabase();
      await pause(fault.forMs);
      return target.startDatabase();
    case 'disk-full':
      target.fillDisk();
      await pause(fault.forMs);
      return target.freeDisk();
    case 'refuse':
      proxy.refuse();
      await pause(fault.forMs);
      return proxy.heal();
    case 'cut':
      return proxy.cut(fault.how, fault.share);
    case 'weather':
      proxy.set(fault.weather, fault.direction, fault.share);
      await pause(fault.forMs);
      if (fault.drops) proxy.cut('destroy', fault.share);
      return proxy.heal();
    case 'deaf':
      await Promise.all([
        readers[fault.reader]?.deafen(fault.forMs, fault.hangsUp),
        ...(fault.flood ? [flooder.flood(sessionOf(fault.reader), FLOOD_EVENTS, FLOOD_SIZE)] : []),
      ]);
  }
}
