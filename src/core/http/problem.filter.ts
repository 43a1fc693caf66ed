import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Injectable, Logger } from '@nestjs/common';
import type { Response } from 'express';
import { DomainError, EdgeError } from '../errors/domain.error.js';
import { ErrorShapes } from '../errors/error-shapes.service.js';
import { problemOf } from '../errors/problem.js';
import { ReplayedRefusalError } from '../idempotency/idempotency.errors.js';
import { storageErrorOf } from '../errors/storage.errors.js';
import { requestContext } from './request-context.js';

/**
 * Every failure of an HTTP request becomes `application/problem+json`, or what the contract of another system has for it. What is
 * not a domain error is logged as ours.
 */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(private readonly shapes: ErrorShapes) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const error = asDomainError(thrown);
    const requestId = error instanceof ReplayedRefusalError ? error.requestId : requestContext.getStore()?.requestId;
    const problem = problemOf(error, requestId);
    if (problem.status >= 500 && !(error instanceof DomainError)) this.logger.error({ msg: 'a request failed', err: thrown, requestId });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="muster"');
    if (error instanceof DomainError && error.details.retryAfterS !== undefined)
      response.setHeader('Retry-After', String(error.details.retryAfterS));
    const { status, mediaType, body } = this.shapes.of(response.req.path)(problem);
    response.status(status).type(mediaType).send(JSON.stringify(body));
  }
}

const CODES: Readonly<Record<number, string>> = {
  400: 'invalid_json',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};

/** Errors of Nest's router and of the body parser, in our words. */
function asDomainError(thrown: unknown): unknown {
  if (thrown instanceof DomainError) return thrown;
  if (thrown instanceof HttpException) return edge(thrown.getStatus(), thrown.message);
  if (thrown instanceof Error && 'status' in thrown && typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500)
    return thrown.status === 400 && !(thrown instanceof SyntaxError) && !('type' in thrown)
      ? new EdgeError('bad_request', 400, 'The URL is not well-formed.', {
          remedy: 'Encode what is not a letter or digit, as in %25 for %.',
        })
      : edge(thrown.status, thrown.message);
  return storageErrorOf(thrown) ?? thrown;
}

function edge(status: number, message: string): EdgeError {
  const remedies: Readonly<Record<number, string>> = {
    400: 'Send a JSON object as UTF-8.',
    404: 'See /api/docs for the routes there are.',
    413: 'Send less at once; long histories go through several requests.',
    415: 'Send Content-Type: application/json.',
  };
  const detail = status === 404 ? 'There is no such route.' : message;
  return new EdgeError(CODES[status] ?? 'bad_request', status, detail, { remedy: remedies[status] });
}
