import { Worker } from 'node:worker_threads';
import { type CheckpointAnswer, type CheckpointRequest, type CheckpointWorkerData, checkpointWorker } from './checkpoint-worker.js';

interface Pending {
  readonly resolve: (answer: CheckpointAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One thread with a connection of its own. It answers one question at a time, and is of no use any more once it has ended. */
export class CheckpointThread {
  /** Resolves when the thread is gone, however that came. */
  readonly ended: Promise<void>;
  private readonly worker: Worker;
  private pending: Pending | undefined;
  private reason: Error | undefined;
  private hasEnded = false;

  constructor(file: string) {
    const workerData: CheckpointWorkerData = { file, driver: require.resolve('better-sqlite3') };
    this.worker = new Worker(`(${checkpointWorker.toString()})()`, { eval: true, workerData, name: 'checkpoints' });
    this.worker.on('message', (answer: CheckpointAnswer) => {
      this.pending?.resolve(answer);
      this.pending = undefined;
      this.worker.unref();
    });
    this.worker.on('error', (error) => (this.reason = error));
    this.ended = new Promise((resolve) =>
      this.worker.once('exit', () => {
        this.hasEnded = true;
        this.pending?.reject(this.endedError());
        this.pending = undefined;
        resolve();
      }),
    );
    // After the listeners: a listener for messages takes the reference again.
    this.worker.unref();
  }

  get isUsable(): boolean {
    return !this.hasEnded;
  }

  /** @throws Error where the thread ends before it has answered */
  ask(request: CheckpointRequest): Promise<CheckpointAnswer> {
    if (this.hasEnded) return Promise.reject(this.endedError());
    if (this.pending) return Promise.reject(new Error('the thread of the checkpoints is asked twice'));
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      // An answer is waited for; a thread that has nothing to do keeps no process alive.
      this.worker.ref();
      this.worker.postMessage(request);
    });
  }

  /** Ends it; what it is doing is finished. */
  async end(): Promise<void> {
    await this.worker.terminate();
    await this.ended;
  }

  private endedError(): Error {
    return new Error(`the thread of the checkpoints has ended: ${this.reason?.message ?? 'without a reason'}`, { cause: this.reason });
  }
}
