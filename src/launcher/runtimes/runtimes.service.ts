import { Injectable } from '@nestjs/common';
import type { Runtime } from '../runtime.types.js';
import { AcpRuntime } from './acp/acp.runtime.js';
import { ProcessRuntime } from './process/process.runtime.js';

/** The ways in which this server drives agents. */
@Injectable()
export class Runtimes {
  constructor(
    private readonly acp: AcpRuntime,
    private readonly process: ProcessRuntime,
  ) {}

  of(kind: Runtime['kind']): Runtime {
    return kind === 'acp' ? this.acp : this.process;
  }
}
