import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../../../core/deferred.js';
import { readStat } from '../../../core/process/proc-stat.js';
import { spawnGroup } from '../../../core/process/spawn-group.js';
import { eventually } from '../../../../test/support/eventually.js';
import { ProcessTurn } from './process-turn.js';

const start = (script: string) => spawnGroup({ program: process.execPath, args: ['-e', script], cwd: process.cwd(), env: {} });
const textOf = (event: unknown) => String(Object(Object(event).payload).text);

describe('a run of a program', () => {
  const endings: (() => Promise<void>)[] = [];
  afterEach(async () => void (await Promise.all(endings.splice(0).map((end) => end()))));

  it('loses nothing of what it said, however slowly that is stored', async () => {
    const lines = 3_000;
    const group = await start(`for (let n = 1; n <= ${lines}; n++) console.log(String(n).padStart(400, '.'))`);
    const stored: unknown[] = [];
    const turn = new ProcessTurn(group, {
      output: 'text',
      stopGraceMs: 1_000,
      record: async (events) => {
        // A database that takes longer for a batch than the program lives.
        if (events.length > 0) await sleep(40);
        stored.push(...events);
      },
    });
    expect(await turn.run()).toMatchObject({ state: 'completed' });
    expect(stored.map((event) => Number(textOf(event).replace(/^\.*/, '')))).toEqual(
      Array.from({ length: lines }, (_, index) => index + 1),
    );
  });

  it('keeps a line of 5 MB whole, and hands the log many lines in small parts', async () => {
    const group = await start(
      `process.stdout.write('y'.repeat(5e6) + '\\n' + 'z\\n'.repeat(30000)); process.stderr.write('e'.repeat(1e6))`,
    );
    const batches: number[] = [];
    const stored: unknown[] = [];
    const record = async (events: readonly unknown[]) => {
      batches.push(events.length);
      stored.push(...events);
    };
    expect(await new ProcessTurn(group, { output: 'text', stopGraceMs: 1_000, record }).run()).toMatchObject({ state: 'completed' });
    const texts = stored.map(textOf);
    expect(texts.filter((each) => each === 'y'.repeat(5e6))).toHaveLength(1);
    expect(texts.filter((each) => each === 'e'.repeat(1e6))).toHaveLength(1);
    expect(texts.filter((each) => each === 'z')).toHaveLength(30_000);
    expect(Math.max(...batches)).toBe(500);
  });

  it('makes a program wait that says more than is stored', async () => {
    const group = await spawnGroup({ program: '/usr/bin/yes', args: ['a line of output'], cwd: process.cwd(), env: {} });
    const written = () => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${group.pid}/io`, 'utf8'))?.[1]);
    const gate = deferred();
    endings.push(async () => gate.resolve());
    let asked = 0;
    const turn = new ProcessTurn(group, {
      output: 'text',
      stopGraceMs: 1_000,
      record: async (events) => {
        asked += events.length;
        await gate.promise;
      },
    });
    const run = turn.run();
    endings.push(() => turn.interrupt());
    await eventually(() => asked > 0);
    let before = -1;
    // It sleeps in its own write once the pipe is full; one that is read on never does for long, and is far beyond the bound soon.
    await eventually(() => {
      const now = written();
      expect(now).toBeLessThan(2 * 1024 * 1024);
      const isStill = now === before && readStat(group.pid)?.state === 'S';
      before = now;
      return isStill;
    });
    expect(asked).toBeLessThanOrEqual(500);
    const ended = turn.interrupt();
    gate.resolve();
    await ended;
    expect(await run).toMatchObject({ state: 'cancelled' });
  });
});
