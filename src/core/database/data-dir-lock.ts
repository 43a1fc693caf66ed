import BetterSqlite3 from 'better-sqlite3';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../../config/muster-config.js';
import { makeDirectory } from '../make-directory.js';

/** Another server uses the data directory. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';
}

/**
 * Keeps the data directory for one server. The lock is the kernel's, held by an open transaction on `lock.db`: it goes with the
 * process, however that ends, and can't be stale.
 */
@Injectable()
export class DataDirLock {
  private database: BetterSqlite3.Database | undefined;

  constructor(private readonly config: MusterConfig) {}

  /** @throws DataDirInUseError that names the directory, the process and the remedy; Error where the directory can't be written */
  acquire(): void {
    const { dataDir } = this.config;
    try {
      makeDirectory(dataDir);
      // What agents did stands in there: nobody else on this machine needs to read it.
      chmodSync(dataDir, 0o700);
      this.database = new BetterSqlite3(join(dataDir, 'lock.db'), { timeout: 0 });
      this.database.pragma('journal_mode = DELETE');
      this.database.exec('begin exclusive');
      writeFileSync(join(dataDir, 'server.pid'), `${process.pid}\n`);
    } catch (error) {
      this.database?.close();
      this.database = undefined;
      if (!(error instanceof BetterSqlite3.SqliteError) || !error.code.startsWith('SQLITE_BUSY'))
        throw new Error(
          `MUSTER_DATA_DIR: ${dataDir} can't be used (${error instanceof Error ? error.message : String(error)}). Name a directory this user can write, on a disk with room.`,
          { cause: error },
        );
      throw new DataDirInUseError(
        `Another Muster server uses ${dataDir} (process ${holderOf(dataDir)}). Stop it, or set MUSTER_DATA_DIR to another directory.`,
      );
    }
  }

  release(): void {
    this.database?.close();
    this.database = undefined;
  }
}

function holderOf(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'server.pid'), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
