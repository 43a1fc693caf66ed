import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import canonicalize from 'canonicalize';
import { createHash } from 'node:crypto';
import { Clock } from '../clock.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors/domain.error.js';
import { problemOf } from '../errors/problem.js';
import { requestContext } from '../http/request-context.js';
import { IdempotencyInProgressError, IdempotencyKeyReusedError, type Refusal, ReplayedRefusalError } from './idempotency.errors.js';
import { KEPT_MS, type KeptAnswer, type OnceRequest } from './idempotency.types.js';
import type { IdempotencyKeyEntity } from './persistence/idempotency-key.entity.js';
import { IdempotencyKeysRepository } from './persistence/idempotency-keys.repository.js';
import { seal, unseal } from './sealed-text.js';

/** How long a request waits for an equal one that is under way; then it is told to come again. */
const WAIT_MS = 10_000;
const RETRY_AFTER_S = 1;
const SWEEP_EVERY_MS = 10 * 60_000;
/** Rows a unit of the sweep: the others do not wait for long. */
const SWEEP_ROWS = 500;

/** A request and what it is known by. */
interface Asked extends OnceRequest {
  readonly id: string;
  readonly fingerprint: string;
}

/**
 * Carries out a request once, however often it comes. The answer is stored in the transaction that did what was asked, so that there is
 * no moment at which one is there without the other: after a crash, too, the next request gets the answer or does the work.
 */
@Injectable()
export class Idempotency implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Idempotency.name);
  /** Requests under way, by id. Only a hint: across servers the primary key of the table decides. */
  private readonly underWay = new Map<string, { readonly fingerprint: string; readonly done: Promise<void> }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly keys: IdempotencyKeysRepository,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.sweepQuietly(), SWEEP_EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * The answer of `perform`, or the one it gave to the first request of this principal, operation, target and key in the last 24 hours.
   * A conflict is an answer too; after any other failure nothing has happened, and the next request begins anew. `perform` writes as
   * {@link UnitOfWork.around} wants it.
   * @throws IdempotencyKeyReusedError, IdempotencyInProgressError, ReplayedRefusalError, and what `perform` throws
   */
  async once(request: OnceRequest, perform: () => Promise<KeptAnswer>): Promise<{ answer: KeptAnswer; isReplayed: boolean }> {
    const asked = { ...request, id: idOf(request), fingerprint: fingerprintOf(request) };
    const { id, fingerprint } = asked;
    const patience = new Patience();
    try {
      for (let first = this.underWay.get(id); first; first = this.underWay.get(id)) {
        if (first.fingerprint !== fingerprint) throw new IdempotencyKeyReusedError();
        await patience.waitFor(first.done);
      }
    } finally {
      patience.end();
    }
    // In the same turn in which nobody was found under way.
    const run = this.perform(asked, perform);
    this.underWay.set(id, { fingerprint, done: run.then(nothing, nothing) });
    try {
      return await run;
    } finally {
      this.underWay.delete(id);
    }
  }

  /** Removes what is past its time. */
  async sweep(): Promise<void> {
    const nowIso = this.clock.nowIso();
    while ((await this.unit.run(() => this.keys.removeExpired(nowIso, SWEEP_ROWS))) === SWEEP_ROWS);
  }

  private async perform(asked: Asked, perform: () => Promise<KeptAnswer>): Promise<{ answer: KeptAnswer; isReplayed: boolean }> {
    const replayed = await this.replay(asked);
    if (replayed) return replayed;
    try {
      const answer = await this.unit.around(perform, (each) => this.keys.add(this.rowOf(asked, each)));
      return { answer, isReplayed: false };
    } catch (error) {
      // Another server may have been faster: then it is its answer that counts.
      const other = await this.replay(asked);
      if (other) return other;
      if (error instanceof DomainError && error.kind === 'conflict') await this.keepRefusal(asked, error);
      throw error;
    }
  }

  private async replay(asked: Asked): Promise<{ answer: KeptAnswer; isReplayed: boolean } | undefined> {
    const row = await this.keys.find(asked.id, this.clock.nowIso());
    if (!row) return undefined;
    if (row.fingerprint !== asked.fingerprint) throw new IdempotencyKeyReusedError();
    const { status, headers } = row;
    const body = asked.seal === undefined ? row.body : unseal(row.body, secretOf(asked, asked.seal), asked.id);
    if (status >= 400) throw new ReplayedRefusalError(refusalOf(body));
    return { answer: { status, headers, body }, isReplayed: true };
  }

  private async keepRefusal(asked: Asked, error: DomainError): Promise<void> {
    const problem = problemOf(error, requestContext.getStore()?.requestId);
    const row = this.rowOf(asked, { status: problem.status, headers: {}, body: JSON.stringify(problem) });
    await this.unit.run(() => this.keys.add(row));
  }

  private rowOf(asked: Asked, { status, headers, body }: KeptAnswer): IdempotencyKeyEntity {
    const { id, principalId, operation, fingerprint } = asked;
    const now = this.clock.nowMs();
    return {
      id,
      principalId,
      operation,
      fingerprint,
      status,
      headers: { ...headers },
      body: asked.seal === undefined ? body : seal(body, secretOf(asked, asked.seal), id),
      createdAt: new Date(now).toISOString(),
      expiresAt: new Date(now + KEPT_MS).toISOString(),
    };
  }

  private async sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.logger.warn({ msg: 'idempotency keys past their time could not be removed', err: error });
    }
  }
}

/** Waits, for one thing after another, {@link WAIT_MS} in all. */
class Patience {
  private timer: NodeJS.Timeout | undefined;
  private late: Promise<never> | undefined;

  /** @throws IdempotencyInProgressError */
  async waitFor(other: Promise<void>): Promise<void> {
    this.late ??= new Promise((_resolve, reject) => {
      this.timer = setTimeout(() => reject(new IdempotencyInProgressError(RETRY_AFTER_S)), WAIT_MS).unref();
    });
    await Promise.race([other, this.late]);
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

const nothing = (): void => undefined;

const hashOf = (value: unknown): string =>
  createHash('sha256')
    .update(canonicalize(value) ?? '')
    .digest('hex');

const idOf = ({ principalId, operation, target, key }: OnceRequest): string => hashOf([principalId, operation, target, key]);

/** SHA-256 over the RFC 8785 form: two writings of the same content are one. */
const fingerprintOf = ({ content, seal: secret }: OnceRequest): string =>
  hashOf(secret === undefined ? [content] : [content, hashOf(secret)]);

const secretOf = ({ key }: OnceRequest, secret: string): string => JSON.stringify([secret, key]);

function refusalOf(text: string): Refusal {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- `keepRefusal` wrote it
  const refusal: Refusal = JSON.parse(text);
  return refusal;
}
