import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Refusals } from '../core/http/refusals.service.js';
import type { Principal } from './principal.types.js';
import { TooManyStreamsError } from './rate-limits.errors.js';

/** How many streams (server-sent events, waiting reads, WebSockets) are open for whom. */
@Injectable()
export class StreamSlots {
  private readonly open = new Map<string, number>();

  constructor(
    private readonly config: MusterConfig,
    private readonly refusals: Refusals,
  ) {}

  /** A place for one stream; gives what frees it, which may be called more than once. @throws TooManyStreamsError */
  take(principal: Principal, address: string): () => void {
    const { streamsPerPrincipal, connectionsPerAddress } = this.config.limits;
    const wanted = [
      { key: `principal ${principal.id}`, whose: 'principal', limit: streamsPerPrincipal },
      { key: `address ${address}`, whose: 'address', limit: connectionsPerAddress },
    ] as const;
    for (const { key, whose, limit } of wanted) {
      if (limit === 0 || (this.open.get(key) ?? 0) < limit) continue;
      this.refusals.note('too_many_streams', { principalId: principal.id, address, limit });
      throw new TooManyStreamsError(limit, whose);
    }
    wanted.forEach(({ key }) => this.add(key, 1));
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      wanted.forEach(({ key }) => this.add(key, -1));
    };
  }

  private add(key: string, count: number): void {
    const sum = (this.open.get(key) ?? 0) + count;
    if (sum > 0) this.open.set(key, sum);
    else this.open.delete(key);
  }
}
