/** What the worker is given when it starts. */
export interface CheckpointWorkerData {
  /** The path of the module better-sqlite3: a worker without a file of its own resolves nothing. */
  readonly driver: string;
  /** The database. */
  readonly file: string;
}

/** Copy the log into the database if at least `leastPages` wait; 0 only looks. */
export interface CheckpointRequest {
  readonly leastPages: number;
}

export interface CheckpointAnswer {
  /** Pages in the write-ahead log. */
  readonly log: number;
  /** Those of them that are in the database by now. */
  readonly checkpointed: number;
  /** Pages this request has brought there. */
  readonly pages: number;
  readonly ms: number;
  /** SQLite's code and text where it failed. */
  readonly failure?: { readonly code: string; readonly message: string };
}

interface Row {
  readonly log: number;
  readonly checkpointed: number;
}

/**
 * The whole program of the thread that copies the write-ahead log into the database. Its text is handed to the thread, so that it is
 * the same from the sources and from what is built of them; nothing outside of it may be used.
 *
 * `wal_checkpoint(NOOP)` tells how much waits without doing anything (SQLite 3.51). PASSIVE waits for nobody and holds nobody up:
 * https://sqlite.org/pragma.html#pragma_wal_checkpoint
 */
export function checkpointWorker(): void {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- CheckpointThread gives the data
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- as above
  const { driver, file }: CheckpointWorkerData = workerData;
  const { createRequire } = process.getBuiltinModule('node:module');
  interface Connection {
    pragma(text: string): Row[];
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- better-sqlite3, as far as it is needed here
  const Driver: new (file: string, options: object) => Connection = createRequire(driver)(driver);
  const connection = new Driver(file, { timeout: 0, fileMustExist: true });
  connection.pragma('synchronous = FULL');
  connection.pragma('wal_autocheckpoint = 0');
  const run = (mode: 'NOOP' | 'PASSIVE'): Row => {
    const row = connection.pragma(`wal_checkpoint(${mode})`)[0];
    return { log: row?.log ?? 0, checkpointed: row?.checkpointed ?? 0 };
  };
  parentPort?.on('message', ({ leastPages }: CheckpointRequest) => {
    const begin = performance.now();
    let before: Row = { log: 0, checkpointed: 0 };
    try {
      before = run('NOOP');
      const isDue = leastPages > 0 && before.log - before.checkpointed >= leastPages;
      const after = isDue ? run('PASSIVE') : before;
      const pages = Math.max(0, after.checkpointed - before.checkpointed);
      parentPort.postMessage({ ...after, pages, ms: performance.now() - begin });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      parentPort.postMessage({ ...before, pages: 0, ms: performance.now() - begin, failure: { code, message } });
    }
  });
}
