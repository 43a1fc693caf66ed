import { createHash } from 'node:crypto';
import type { Dialect } from '../../src/core/database/dialect.js';
import { seeded } from '../support/random.js';
import type { ReaderPlan } from './clients/reader.js';
import type { WriterPlan } from './clients/writer.js';
import type { Cut, Direction, Weather } from './faults/tcp-proxy.js';
import type { ReadVia, WriteVia } from './history/operation.types.js';

/** What is done to the server, to its database and to the network, and for how long. */
export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'kill' | 'restart' | 'pause' | 'database-restart' | 'disk-full' | 'refuse' }
  | { readonly kind: 'cut'; readonly how: Cut; readonly share: number }
  | { readonly kind: 'weather'; readonly weather: Weather; readonly direction: Direction; readonly share: number; readonly drops: boolean }
  | { readonly kind: 'deaf'; readonly reader: number; readonly hangsUp: boolean; readonly flood: boolean }
);
export type FaultKind = Fault['kind'];

export const FAULT_KINDS: readonly FaultKind[] = [
  'kill',
  'restart',
  'pause',
  'database-restart',
  'disk-full',
  'refuse',
  'cut',
  'weather',
  'deaf',
];

export interface Schedule {
  readonly seed: number;
  readonly database: Dialect;
  /** How long clients work and faults happen; afterwards all is healed and everybody comes to an end. */
  readonly loadMs: number;
  readonly sessions: number;
  readonly writers: readonly (WriterPlan & { readonly via: WriteVia })[];
  readonly readers: readonly ReaderPlan[];
  /** Which sessions are ended, and when. */
  readonly stops: readonly { readonly session: number; readonly atMs: number }[];
  /** Those of one lane happen one after the other, those of different lanes at once. */
  readonly lanes: readonly (readonly Fault[])[];
}

export interface ScheduleOptions {
  readonly loadMs: number;
  /** The kinds that may happen. */
  readonly kinds: readonly FaultKind[];
}

/** A source of random numbers of its own for each part of a run, so that one does not move the others. */
export const randomFor = (seed: number, name: string): (() => number) =>
  seeded(createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE());

/** The same seed, database and options always make the same schedule. */
export function makeSchedule(seed: number, database: Dialect, { loadMs, kinds }: ScheduleOptions): Schedule {
  const random = randomFor(seed, `${database} schedule`);
  const between = (from: number, to: number): number => Math.round(from + random() * (to - from));
  const sessions = between(2, 3);
  const readers = Array.from({ length: between(4, 5) }, (_, at) => ({
    name: `r${at + 1}`,
    session: at % sessions,
    ways: waysOf(random),
  }));
  return {
    seed,
    database,
    loadMs,
    sessions,
    writers: [
      { name: 'w1', via: 'http', thinkMs: 20, window: 1, batch: 1 },
      { name: 'w2', via: 'batch', thinkMs: 60, window: 1, batch: between(2, 30) },
      { name: 'w3', via: 'ws', thinkMs: 20, window: between(1, 6), batch: between(1, 3) },
      { name: 'w4', via: 'http', thinkMs: 30, window: 1, batch: 1 },
    ],
    readers,
    stops: [{ session: sessions - 1, atMs: between(loadMs * 0.4, loadMs * 0.9) }],
    lanes: LANES.map((lane) =>
      faultsOf(
        lane.filter((kind) => kinds.includes(kind)),
        { random, between, loadMs, readers: readers.length },
      ),
    ),
  };
}

/** Of the server and its database, of the network, of clients. */
const LANES: readonly (readonly FaultKind[])[] = [
  ['kill', 'restart', 'pause', 'database-restart', 'disk-full'],
  ['refuse', 'cut', 'weather'],
  ['deaf'],
];

interface Dice {
  readonly random: () => number;
  readonly between: (from: number, to: number) => number;
  readonly loadMs: number;
  readonly readers: number;
}

function faultsOf(kinds: readonly FaultKind[], dice: Dice): Fault[] {
  const faults: Fault[] = [];
  if (kinds.length === 0) return faults;
  const { random, between, loadMs } = dice;
  for (let atMs = between(200, 900); atMs < loadMs - 600;) {
    const kind = kinds[Math.floor(random() * kinds.length)];
    if (kind === undefined) break;
    const fault = faultOf(kind, atMs, dice);
    faults.push(fault);
    atMs += fault.forMs + between(600, 2_000);
  }
  return faults;
}

function faultOf(kind: FaultKind, atMs: number, { random, between, readers }: Dice): Fault {
  switch (kind) {
    case 'cut':
      return { atMs, forMs: 0, kind, how: pickOf(['end', 'destroy', 'reset'] as const, random), share: random() < 0.3 ? 1 : random() };
    case 'weather':
      return {
        atMs,
        forMs: between(200, 2_600),
        kind,
        weather: weatherOf(random, between),
        direction: pickOf(['to-server', 'to-client', 'both'] as const, random),
        share: random() < 0.3 ? 1 : random(),
        drops: random() < 0.5,
      };
    case 'deaf':
      return {
        atMs,
        forMs: between(500, 2_500),
        kind,
        reader: Math.floor(random() * readers),
        hangsUp: random() < 0.5,
        flood: random() < 0.5,
      };
    case 'disk-full':
      return { atMs, forMs: between(200, 900), kind };
    case 'pause':
      return { atMs, forMs: between(200, 2_500), kind };
    default:
      return { atMs, forMs: between(50, 600), kind };
  }
}

function weatherOf(random: () => number, between: Dice['between']): Weather {
  const draw = random();
  if (draw < 0.5) return { kind: 'hold' };
  if (draw < 0.8) return { kind: 'delay', ms: between(5, 300) };
  return { kind: 'trickle', bytes: between(16, 512), everyMs: between(2, 15) };
}

function waysOf(random: () => number): ReadVia[] {
  const all: ReadVia[] = ['page', 'poll', 'sse', 'sse', 'ws', 'ws'];
  return random() < 0.5 ? all : [pickOf(all, random), pickOf(all, random)];
}

const pickOf = <T>(from: readonly [T, ...T[]] | readonly T[], random: () => number): T => {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
};
