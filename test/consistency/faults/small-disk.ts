import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../clients/http-client.js';

/** Why no file system of our own can be mounted here; `undefined` where it can. */
export const NO_SMALL_DISK: string | undefined = reasonAgainst();

/** A file system of a bounded size in memory, to be filled to the last byte. */
export class SmallDisk {
  private constructor(readonly dir: string) {}

  /** @throws Error where {@link NO_SMALL_DISK} says why */
  static mount(megabytes: number): SmallDisk {
    if (NO_SMALL_DISK !== undefined) throw new Error(NO_SMALL_DISK);
    const dir = mkdtempSync(join(tmpdir(), 'muster-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', dir], { stdio: 'pipe' });
    return new SmallDisk(dir);
  }

  /** Takes every byte that is left. */
  fill(): void {
    const file = openSync(this.filler, 'w');
    try {
      for (let size = 1024 * 1024; size > 0;) {
        try {
          if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
        } catch (error) {
          if (codeOf(error) !== 'ENOSPC') throw error;
          size >>= 1;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.filler, { force: true });
  }

  /** To be called when nobody uses it any more. */
  unmount(): void {
    if (!existsSync(this.dir)) return;
    execFileSync('umount', ['--lazy', this.dir], { stdio: 'pipe' });
    rmSync(this.dir, { recursive: true, force: true });
  }

  private get filler(): string {
    return join(this.dir, 'filler');
  }
}

function reasonAgainst(): string | undefined {
  if (process.platform !== 'linux') return 'tmpfs is a file system of Linux';
  if (process.getuid?.() !== 0) return 'only root may mount a file system';
  const dir = mkdtempSync(join(tmpdir(), 'muster-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'pipe' });
    execFileSync('umount', [dir], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no tmpfs can be mounted here (${error instanceof Error ? error.message.split('\n').at(-1) : String(error)})`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
