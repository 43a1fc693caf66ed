import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { recordOf } from './shim/shim-protocol.js';
import { Spool, type SpoolBatch } from './spool.js';
import { readLeftSpool, SpoolFiles } from './spool-files.js';

const MiB = 1024 * 1024;

describe('the spool', () => {
  let directory: string;
  let spool: Spool;
  const push = (text: string) => spool.push({ kind: 'output', stream: 'stderr', text });
  const numbers = ({ records }: SpoolBatch) => records.map((each) => recordOf(each)?.n);
  const left = (after = 0) => [...readLeftSpool(directory, after)].map((line) => recordOf(line)?.n);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'spool-'));
    spool = new Spool(new SpoolFiles(directory), () => undefined);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('hands out one batch after the other, and to a reader who comes later what it asks for', async () => {
    const batches: (number | undefined)[][] = [];
    const first = (batch: SpoolBatch) => void batches.push(numbers(batch));
    spool.read(0, first);
    for (const text of ['a', 'b']) push(text);
    await turn();
    push('late');
    await turn();
    expect(batches).toEqual([[1, 2]]);
    // It goes without having taken them; the next one gets them again.
    spool.leave(first);
    spool.acknowledge(2, 1);
    expect(batches).toEqual([[1, 2]]);
    spool.read(1, (batch) => void batches.push(numbers(batch)));
    expect(batches).toEqual([
      [1, 2],
      [2, 3],
    ]);
    spool.acknowledge(3, 1);
    expect(spool.taken).toBe(3);
    await spool.allTaken();
  });

  it('takes no more while too many bytes wait, and hands out batches that are not too large', async () => {
    for (const size of [1, 40, 1, 1, 1, 1, 24]) push('x'.repeat(size * MiB));
    expect(spool.isFull).toBe(true);
    let hasRoom = false;
    const room = spool.room().then(() => (hasRoom = true));
    const batches: (number | undefined)[][] = [];
    const reader = (batch: SpoolBatch) => void batches.push(numbers(batch));
    spool.read(0, reader);
    await turn();
    expect([batches, hasRoom]).toEqual([[[1]], false]);
    for (let taken = 1; taken <= 7; taken++) spool.acknowledge(taken, 1);
    await room;
    expect(batches.map((batch) => batch[0])).toEqual([1, 2, 3, 6, 7]);
    expect(batches.flat()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('removes what will never be asked for again, file by file, and keeps the end', () => {
    spool.read(0, () => undefined);
    for (let n = 0; n < 6; n++) push('x'.repeat(3 * MiB));
    expect(readdirSync(directory)).toHaveLength(3);
    spool.acknowledge(6, 3);
    expect([spool.first, left()]).toEqual([3, [3, 4, 5, 6]]);
    // What may be asked for again stays, also where it was taken.
    spool.acknowledge(6, 3);
    spool.acknowledge(6, 7);
    expect([spool.first, left()]).toEqual([5, [5, 6]]);
    expect(left(5)).toEqual([6]);
  });

  it('is read by others without the line that was torn', () => {
    for (const text of ['a', 'b', 'c']) push(text);
    const [file = ''] = readdirSync(directory);
    appendFileSync(join(directory, file), '{"kind":"output","stream":"stde');
    writeFileSync(join(directory, 'notes.txt'), 'no spool');
    expect(left()).toEqual([1, 2, 3]);
    expect(left(2)).toEqual([3]);
    expect(left(3)).toEqual([]);
  });

  it('keeps what the disk does not take, and says that it is full', async () => {
    const troubles: unknown[] = [];
    const files = new SpoolFiles(directory);
    const append = jest.spyOn(files, 'append').mockImplementationOnce(() => {
      throw new Error('ENOSPC');
    });
    spool = new Spool(files, (error) => troubles.push(error));
    push('a');
    push('b');
    expect([spool.isFull, spool.last, troubles.length]).toEqual([true, 2, 1]);
    await spool.room();
    expect(left()).toEqual([1, 2]);
    expect(append).toHaveBeenCalledTimes(3);
  });
});
