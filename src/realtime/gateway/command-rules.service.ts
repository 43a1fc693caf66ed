import { Injectable } from '@nestjs/common';
import { IdempotentRequests } from '../../auth/idempotent-requests.service.js';
import { RateLimits } from '../../auth/rate-limits.service.js';
import type { Command } from './command.js';
import { once } from './command-idempotency.js';
import { limited } from './command-limits.js';

/** What holds for every command, as it does for its route over HTTP. */
@Injectable()
export class CommandRules {
  constructor(
    private readonly limits: RateLimits,
    private readonly requests: IdempotentRequests,
  ) {}

  of(command: Command): Command {
    return limited(once(command, this.requests), this.limits);
  }
}
