import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../../../config/muster-config.js';
import type { LaunchSpec, RunningAgent, Runtime } from '../../runtime.types.js';
import { SessionRecorder } from '../../session-recorder.service.js';
import { ProcessAgent } from './process-agent.js';

/** Drives plain commands: one process a turn, the prompt in its arguments or on its stdin, its lines in the log. */
@Injectable()
export class ProcessRuntime implements Runtime {
  readonly kind = 'process';

  constructor(
    private readonly config: MusterConfig,
    private readonly recorder: SessionRecorder,
  ) {}

  start(spec: LaunchSpec): Promise<RunningAgent> {
    return Promise.resolve(new ProcessAgent(spec, this.recorder, this.config.agentStopGraceMs));
  }
}
