import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './find-program.js';
import { LineSplitter, shown } from './line-splitter.js';
import { LineTail } from './line-tail.js';
import { readStat } from './proc-stat.js';
import { runProgram } from './run-program.js';

describe('programs', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'programs-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const run = (script: string, limits = { timeoutMs: 10_000 }) =>
    runProgram({ program: '/bin/sh', args: ['-c', script], cwd: dir, env: { PATH: process.env.PATH ?? '' } }, limits);

  it('are found on a PATH, in its order, where they may be executed', () => {
    for (const name of ['a', 'b']) mkdirSync(join(dir, name));
    writeFileSync(join(dir, 'a', 'tool'), '');
    writeFileSync(join(dir, 'b', 'tool'), '');
    mkdirSync(join(dir, 'a', 'folder'));
    const path = `${join(dir, 'none')}::${join(dir, 'a')}:${join(dir, 'b')}`;
    expect(findProgram('tool', path)).toBeNull();
    chmodSync(join(dir, 'b', 'tool'), 0o755);
    expect(findProgram('tool', path)).toBe(join(dir, 'b', 'tool'));
    expect(findProgram('folder', path)).toBeNull();
    expect(findProgram(join(dir, 'b', 'tool'), '')).toBe(join(dir, 'b', 'tool'));
    expect(findProgram(join(dir, 'a', 'tool'), path)).toBeNull();
    expect(findProgram('', path)).toBeNull();
    expect(findProgram('../b/tool', path)).toBeNull();
    expect(findProgram('x'.repeat(5_000), path)).toBeNull();
  });

  it('run, and tell what they said', async () => {
    expect(await run('echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      stdoutBytes: Buffer.from('out\n'),
      isTruncated: false,
      isTimedOut: false,
    });
    const fed = { program: '/bin/sh', args: ['-c', 'cat'], cwd: dir, env: { PATH: process.env.PATH ?? '' } };
    expect(await runProgram(fed, { timeoutMs: 10_000, maxBytes: 3, input: Buffer.from('input') })).toMatchObject({
      stdout: 'inp',
      isTruncated: true,
    });
    expect(await run('kill -9 $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(
      (
        await runProgram(
          { program: '/bin/sh', args: ['-c', 'yes | head -c 100000'], cwd: dir, env: { PATH: process.env.PATH ?? '' } },
          { timeoutMs: 10_000, maxBytes: 10 },
        )
      ).stdout,
    ).toBe('y\ny\ny\ny\ny\n');
  });

  it('are killed when their time is over, with all they started', async () => {
    const { isTimedOut, stdout } = await run('sleep 600 & echo $!; wait', { timeoutMs: 200 });
    expect(isTimedOut).toBe(true);
    expect(readStat(Number(stdout))?.state ?? 'Z').toBe('Z');
  });
});

describe('a splitter of lines', () => {
  const all = (splitter: LineSplitter, ...chunks: (string | Buffer)[]) =>
    [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.flush()].map(shown);

  it('gives whole lines, however they come', () => {
    const bytes = Buffer.from('äöü\r\n\nlast');
    expect(all(new LineSplitter(100), ...[...bytes].map((byte) => Buffer.from([byte])))).toEqual(['äöü', '', 'last']);
    expect(all(new LineSplitter(100), 'a\nb\nc\n')).toEqual(['a', 'b', 'c']);
  });

  it('keeps the beginning of a line that is too long, and goes on behind it', () => {
    expect(all(new LineSplitter(4), '123', '456', '78\nok\n123456')).toEqual(['1234 … [4 more bytes]', 'ok', '1234 … [2 more bytes]']);
  });
});

it('a tail keeps the last lines', () => {
  const tail = new LineTail(2, 5);
  ['one', '', 'two', 'threeee'].forEach((line) => tail.push(line));
  expect(tail.text).toBe('two\nthree…');
});
