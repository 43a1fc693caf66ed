import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';

/** How long questions wait. */
@Injectable()
export class ApprovalSetting {
  constructor(
    private readonly config: MusterConfig,
    private readonly clock: Clock,
  ) {}

  nowIso(): string {
    return this.clock.nowIso();
  }

  /** Of a question that is asked now; `timeoutMs` is a bound of its own. */
  times(timeoutMs?: number): { createdAt: string; expiresAt: string | null } {
    const now = this.clock.nowMs();
    const bounds = [this.config.approvalTimeoutMs ?? [], timeoutMs ?? []].flat();
    const expiresAt = bounds.length === 0 ? null : new Date(now + Math.min(...bounds)).toISOString();
    return { createdAt: new Date(now).toISOString(), expiresAt };
  }
}
