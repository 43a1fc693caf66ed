import { Injectable, type OnModuleInit } from '@nestjs/common';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config/environment.js';
import { MusterConfig } from '../config/muster-config.js';
import { makeDirectory } from '../core/make-directory.js';
import { isSameSecret, newKey } from './credentials.js';

/** The operator's key: from the environment, or made at first start and kept in `admin.key` (0600) in the data directory. */
@Injectable()
export class AdminKey implements OnModuleInit {
  private secret = '';
  /** Where the key can be read, for the text that tells how to sign in. */
  readonly file: string;

  constructor(private readonly config: MusterConfig) {
    this.file = join(config.dataDir, 'admin.key');
  }

  onModuleInit(): void {
    this.secret = this.config.adminKey ?? this.readOrMake();
  }

  matches(candidate: string): boolean {
    return isSameSecret(candidate, this.secret);
  }

  private readOrMake(): string {
    if (!existsSync(this.file)) {
      makeDirectory(this.config.dataDir);
      writeFileSync(this.file, `${newKey('admin')}\n`, { mode: 0o600, flag: 'wx' });
    }
    if ((statSync(this.file).mode & 0o077) !== 0) chmodSync(this.file, 0o600);
    const secret = readFileSync(this.file, 'utf8').trim();
    if (secret.length < 32)
      throw new ConfigError('MUSTER_DATA_DIR', `${this.file} holds no key`, 'Remove the file: the next start makes a new key.');
    return secret;
  }
}
