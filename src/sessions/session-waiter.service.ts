import { Injectable } from '@nestjs/common';
import { EventBus } from '../core/event-bus/event-bus.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository } from './persistence/sessions.repository.js';

/** Waits for what a session comes to. */
@Injectable()
export class SessionWaiter {
  constructor(
    private readonly bus: EventBus,
    private readonly sessions: SessionsRepository,
  ) {}

  /** Resolves true as soon as `test` holds for the stored session (or it is deleted: `test(null)`), false after `timeoutMs`. */
  async until(id: string, test: (session: SessionEntity | null) => boolean, timeoutMs: number): Promise<boolean> {
    let wake = (): void => undefined;
    const timedOut = AbortSignal.timeout(timeoutMs);
    const unsubscribe = this.bus.subscribe(({ sessionId }) => {
      if (sessionId === id) wake();
    });
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => (wake = resolve));
        if (test(await this.sessions.find(id))) return true;
        if (timedOut.aborted) return false;
        await Promise.race([woken, new Promise((resolve) => timedOut.addEventListener('abort', resolve, { once: true }))]);
      }
    } finally {
      unsubscribe();
    }
  }
}
