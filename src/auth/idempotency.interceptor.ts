import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { ReplayedRefusalError } from '../core/idempotency/idempotency.errors.js';
import { IDEMPOTENCY_KEY, type KeptAnswer } from '../core/idempotency/idempotency.types.js';
import { credentialOf } from './access.guard.js';
import { UnauthenticatedError } from './auth.errors.js';
import { IdempotentRequests } from './idempotent-requests.service.js';
import { ROUTE_IDEMPOTENCY, type RouteIdempotency } from './route.types.js';

const HEADER = 'idempotency-key';
const REPLAYED = 'Idempotency-Replayed';
/** Headers that belong to an answer, and come again with it. */
const KEPT_HEADERS = ['Location', 'ETag', 'Cache-Control'] as const;

/** Stands before the handlers of routes that take an `Idempotency-Key`; without one it does nothing. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly requests: IdempotentRequests,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const key = keyOf(context.switchToHttp().getRequest<Request>());
    return key === undefined ? next.handle() : from(this.once(context, next, key));
  }

  /** Gives the text of the answer, so that the first one and its repetitions are the same bytes. */
  private async once(context: ExecutionContext, next: CallHandler, key: string): Promise<string> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    const { principal } = request;
    if (!principal) throw new UnauthenticatedError();
    const { operation, answer: form } = this.reflector.get<RouteIdempotency>(ROUTE_IDEMPOTENCY, context.getHandler());
    const target = Object.values(request.params).flat();
    const body: unknown = request.body;
    const seal = form === 'secret' ? (credentialOf(request.headers).credential ?? '') : undefined;
    try {
      const { answer, isReplayed } = await this.requests.once(principal, { operation, target, key, body, seal }, async () =>
        answerOf(response, await lastValueFrom(next.handle())),
      );
      if (isReplayed) response.setHeader(REPLAYED, 'true').status(answer.status);
      for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
      response.setHeader('Content-Type', 'application/json; charset=utf-8');
      return answer.body;
    } catch (error) {
      // What a handler said of something that was rolled back afterwards.
      for (const name of KEPT_HEADERS) response.removeHeader(name);
      if (error instanceof ReplayedRefusalError) response.setHeader(REPLAYED, 'true');
      throw error;
    }
  }
}

/** @throws InvalidInputError */
function keyOf({ headersDistinct }: Request): string | undefined {
  const keys = headersDistinct[HEADER];
  if (!keys) return undefined;
  const [key = '', ...others] = keys;
  if (others.length === 0 && IDEMPOTENCY_KEY.test(key)) return key;
  throw new InvalidInputError('Idempotency-Key: must be one key of 1 to 255 printable ASCII characters.', {
    remedy: 'Make a random UUID for each new request, and send it again with each repetition.',
    issues: [{ path: 'Idempotency-Key', message: '1 to 255 printable ASCII characters' }],
  });
}

function answerOf(response: Response, result: unknown): KeptAnswer {
  const headers = KEPT_HEADERS.flatMap((name): [string, string][] => {
    const value = response.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  return { status: response.statusCode, headers: Object.fromEntries(headers), body: JSON.stringify(result) };
}
