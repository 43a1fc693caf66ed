import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import type { Draft, Operation } from './operation.types.js';

/** Puts what clients do into one order and, where it has a file, writes it down as JSON lines at once: a run that breaks off leaves its history. */
export class Recorder {
  readonly history: Operation[] = [];
  private startedAt: number | undefined;
  private readonly file: WriteStream | undefined;
  private ops = 0;

  constructor(path?: string) {
    this.file = path === undefined ? undefined : createWriteStream(path);
  }

  nextOp(): number {
    return ++this.ops;
  }

  record(draft: Draft): void {
    this.startedAt ??= performance.now();
    const operation: Operation = { index: this.history.length, at: Math.round(performance.now() - this.startedAt), ...draft };
    this.history.push(operation);
    this.file?.write(`${JSON.stringify(operation)}\n`);
  }

  /** Resolves when all of it is in the file. */
  close(): Promise<void> {
    return new Promise((resolve) => (this.file ? this.file.end(resolve) : resolve()));
  }
}

/** A history that was written down before. */
export const readHistory = (path: string): Operation[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): Operation => JSON.parse(line));
