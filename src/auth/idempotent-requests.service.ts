import { Injectable } from '@nestjs/common';
import { Idempotency } from '../core/idempotency/idempotency.service.js';
import type { KeptAnswer, OnceRequest } from '../core/idempotency/idempotency.types.js';
import type { Principal } from './principal.types.js';

/** A request with an idempotency key, on any transport. */
export interface IdempotentRequest extends Pick<OnceRequest, 'operation' | 'target' | 'key' | 'seal'> {
  readonly body: unknown;
}

/** Carries out requests once for each principal. */
@Injectable()
export class IdempotentRequests {
  constructor(private readonly idempotency: Idempotency) {}

  /**
   * See {@link Idempotency.once}. A credential of the same principal that reaches elsewhere gets no answer that was given to another one.
   * @throws IdempotencyKeyReusedError, IdempotencyInProgressError, ReplayedRefusalError, and what `perform` throws
   */
  once(
    principal: Principal,
    { body, ...request }: IdempotentRequest,
    perform: () => Promise<KeptAnswer>,
  ): Promise<{ answer: KeptAnswer; isReplayed: boolean }> {
    const { id: principalId, kind, sessionId = null, permissions, workspaceLimit } = principal;
    const reach = { kind, sessionId, permissions: sorted(permissions), workspaceIds: sorted(workspaceLimit) };
    return this.idempotency.once({ ...request, principalId, content: { body: body ?? null, reach } }, perform);
  }
}

const sorted = (values: readonly string[] | undefined): readonly string[] | null => (values ? [...values].sort() : null);
