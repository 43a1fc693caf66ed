import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file that has grown to this is not written on. */
const FILE_BYTES = 4 * 1024 * 1024;
const NAME = /^spool-(\d{12})\.jsonl$/;

interface SpoolFile {
  readonly path: string;
  readonly descriptor: number;
  /** Number of its first line. */
  readonly first: number;
  /** Where each of its lines ends, in bytes. */
  readonly ends: number[];
}

/** A run of lines. */
export interface Lines {
  /** Number of the last one; that before the first where there is none. */
  readonly last: number;
  readonly lines: readonly string[];
}

/**
 * Numbered lines on disk, 1, 2, 3 …, in files that are only appended to and removed whole. Not synchronized to the disk itself: a line is
 * there whatever becomes of this process, and with the power the agent that it tells of is gone as well.
 */
export class SpoolFiles {
  private readonly files: SpoolFile[] = [];

  constructor(private readonly directory: string) {}

  /** Number of the last line; 0 where there is none yet. */
  get last(): number {
    const file = this.files.at(-1);
    return file ? file.first + file.ends.length - 1 : 0;
  }

  /** Number of the first line that is still there. */
  get first(): number {
    return this.files[0]?.first ?? 1;
  }

  /** Writes the next line, whole or not at all. @throws Error of the file system */
  append(line: string): void {
    const file = this.current();
    const bytes = Buffer.from(`${line}\n`);
    const start = file.ends.at(-1) ?? 0;
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(file.descriptor, bytes, done, bytes.length - done, start + done);
    } catch (error) {
      ftruncateSync(file.descriptor, start);
      throw error;
    }
    file.ends.push(start + bytes.length);
  }

  /** Bytes of the lines behind `after`. */
  bytesAfter(after: number): number {
    return this.files.reduce((sum, { first, ends }) => {
      const skipped = Math.min(Math.max(after - first + 1, 0), ends.length);
      return sum + (ends.at(-1) ?? 0) - (skipped === 0 ? 0 : (ends[skipped - 1] ?? 0));
    }, 0);
  }

  /** Lines behind `after`: at most so many, and so many bytes of them; one always fits. */
  read(after: number, maxLines: number, maxBytes: number): Lines {
    const file = this.files.find(({ first, ends }) => after + 1 < first + ends.length);
    if (!file) return { last: after, lines: [] };
    const from = Math.max(after + 1 - file.first, 0);
    const start = from === 0 ? 0 : (file.ends[from - 1] ?? 0);
    let to = from + 1;
    while (to < file.ends.length && to - from < maxLines && (file.ends[to] ?? 0) - start <= maxBytes) to += 1;
    const buffer = Buffer.alloc((file.ends[to - 1] ?? 0) - start);
    readSync(file.descriptor, buffer, 0, buffer.length, start);
    return { last: file.first + to - 1, lines: buffer.toString('utf8').split('\n').slice(0, -1) };
  }

  /** Lines up to `n` are needed no more: files that hold nothing else are removed, but for the one that is written. */
  trim(n: number): void {
    for (let [file] = this.files; file && this.files.length > 1 && file.first + file.ends.length - 1 <= n; [file] = this.files) {
      closeSync(file.descriptor);
      unlinkSync(file.path);
      this.files.shift();
    }
  }

  private current(): SpoolFile {
    const file = this.files.at(-1);
    if (file && (file.ends.at(-1) ?? 0) < FILE_BYTES) return file;
    const first = this.last + 1;
    const path = join(this.directory, `spool-${String(first).padStart(12, '0')}.jsonl`);
    const next = { path, descriptor: openSync(path, 'wx+', 0o600), first, ends: [] };
    this.files.push(next);
    return next;
  }
}

/** The lines behind `after` of a spool that nobody writes any more. What its writer did not finish is left out. */
export function* readLeftSpool(directory: string, after: number): Generator<string> {
  const files = readdirSync(directory).filter((name) => NAME.test(name));
  for (const name of files.sort()) {
    let n = Number(NAME.exec(name)?.[1]);
    // Behind the last line end there is nothing, or a line that was torn.
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1)) if (n++ > after) yield line;
  }
}
