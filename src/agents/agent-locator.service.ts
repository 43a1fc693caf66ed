import { Injectable, Logger } from '@nestjs/common';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { findProgram } from '../core/process/find-program.js';
import { runProgram } from '../core/process/run-program.js';
import type { AgentFound, AgentProfile } from './agent-profile.types.js';

/** Measured: the slowest agent takes about 4 s for its version on two cores. */
const VERSION_TIMEOUT_MS = 5_000;
const VERSION_KEPT_MS = 60_000;
/** What `execvp` searches where there is no PATH. */
const DEFAULT_PATH = '/usr/bin:/bin';
/** `2.1.329` in "2.1.329 (Claude Code)", "codex-cli 0.169.0" and "v2.1.329-rc.1". */
const VERSION = /(?<![\w.])v?(\d+(?:\.\d+)+(?:[-+][\w.+-]*\w)?)/;

interface KnownVersion {
  readonly version: Promise<string | null>;
  readonly validUntilMs: number;
}

/** Looks for agents on this host, on the PATH and with the environment that the agent itself would get. */
@Injectable()
export class AgentLocator {
  private readonly logger = new Logger(AgentLocator.name);
  /** By program and arguments. */
  private readonly versions = new Map<string, KnownVersion>();

  constructor(
    private readonly config: MusterConfig,
    private readonly clock: Clock,
  ) {}

  /** Never fails: what does not answer within 5 s, or fails, has no version. A version is kept for 60 s, the place is always looked up. */
  async locate(profile: AgentProfile): Promise<AgentFound> {
    const path = this.find(profile.command[0], profile);
    return { profile, isFound: path !== null, path, version: path === null ? null : await this.versionOf(profile, path) };
  }

  private versionOf(profile: AgentProfile, path: string): Promise<string | null> {
    if (profile.versionCommand === null) return Promise.resolve(null);
    const [name, ...args] = profile.versionCommand ?? [path, '--version'];
    const program = this.find(name, profile);
    if (program === null) return Promise.resolve(null);
    const key = JSON.stringify([profile.name, program, args]);
    const known = this.versions.get(key);
    if (known && known.validUntilMs > this.clock.nowMs()) return known.version;
    const version = this.ask(profile, program, args);
    this.versions.set(key, { version, validUntilMs: this.clock.nowMs() + VERSION_KEPT_MS });
    return version;
  }

  private async ask(profile: AgentProfile, program: string, args: readonly string[]): Promise<string | null> {
    const outcome = await runProgram(
      { program, args, cwd: realpathSync(tmpdir()), env: this.environmentOf(profile) },
      { timeoutMs: VERSION_TIMEOUT_MS },
    ).catch((error: unknown) => {
      this.logger.debug({ msg: 'an agent could not be asked for its version', agent: profile.name, err: error });
      return null;
    });
    if (outcome === null || outcome.isTimedOut || outcome.code !== 0) return null;
    return (VERSION.exec(outcome.stdout) ?? VERSION.exec(outcome.stderr))?.[1] ?? null;
  }

  private find(name: string | undefined, profile: AgentProfile): string | null {
    try {
      return name === undefined ? null : findProgram(name, this.environmentOf(profile)['PATH'] || DEFAULT_PATH);
    } catch (error) {
      this.logger.warn({ msg: 'the PATH of an agent could not be searched', agent: profile.name, err: error });
      return null;
    }
  }

  private environmentOf({ env }: AgentProfile): Record<string, string> {
    return { ...this.config.inheritedAgentEnv, ...env };
  }
}
