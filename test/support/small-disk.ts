import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRequired } from './databases.js';

/** A filesystem of its own that can be filled up. {@link remove} it in `afterAll`, when nobody uses it any more. */
export class SmallDisk {
  private constructor(readonly dir: string) {}

  static create(megabytes: number, owner?: { uid: number; gid: number }): SmallDisk {
    const dir = mkdtempSync(join(tmpdir(), 'muster-small-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir], { stdio: 'pipe' });
    if (owner) chownSync(dir, owner.uid, owner.gid);
    return new SmallDisk(dir);
  }

  /** Takes all the room there is. */
  fill(): void {
    const file = openSync(this.ballast, 'a');
    try {
      for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 2)) {
        const piece = Buffer.alloc(size);
        while (wasWritten(file, piece));
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives it back. */
  free(): void {
    rmSync(this.ballast, { force: true });
  }

  remove(): void {
    execFileSync('umount', ['--lazy', this.dir], { stdio: 'pipe' });
    rmSync(this.dir, { recursive: true, force: true });
  }

  private get ballast(): string {
    return join(this.dir, 'ballast');
  }
}

function wasWritten(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch (error) {
    // Not an Error of jest's own realm.
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function tryOnce(): string | undefined {
  try {
    SmallDisk.create(1).remove();
    return undefined;
  } catch (error) {
    return `no filesystem can be mounted here (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`;
  }
}

/** Why no small disk can be made here; `undefined` where it can. */
export const NO_SMALL_DISK: string | undefined = tryOnce();
if (NO_SMALL_DISK !== undefined && isRequired('small-disk')) throw new Error(`MUSTER_TEST_REQUIRE names small-disk, but ${NO_SMALL_DISK}.`);
