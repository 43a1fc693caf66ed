import { Injectable } from '@nestjs/common';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { newId } from './ids.js';
import { makeDirectory } from './make-directory.js';

/** Who this server is, across its restarts: drawn at first start, kept in `node.id` in the data directory. What it starts carries it as `MUSTER_NODE_ID`. */
@Injectable()
export class NodeIdentity {
  private known: string | undefined;

  constructor(private readonly config: MusterConfig) {}

  get id(): string {
    this.known ??= this.readOrMake();
    return this.known;
  }

  private readOrMake(): string {
    const file = join(this.config.dataDir, 'node.id');
    if (!existsSync(file)) {
      makeDirectory(this.config.dataDir);
      writeFileSync(file, `${newId()}\n`, { mode: 0o600, flag: 'wx' });
    }
    return readFileSync(file, 'utf8').trim();
  }
}
