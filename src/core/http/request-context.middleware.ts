import { Logger } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { newId } from '../ids.js';
import { requestContext, type RequestContext } from './request-context.js';

const REQUEST_ID = /^[A-Za-z0-9_.-]{8,128}$/;
const logger = new Logger('Http');

/** Gives every request an id (the caller's `X-Request-Id` where it is well-formed), and logs its end with the route's pattern, never its path. */
export function requestContextMiddleware(request: Request, response: Response, next: NextFunction): void {
  const given = request.header('x-request-id');
  const context: RequestContext = { requestId: given && REQUEST_ID.test(given) ? given : newId() };
  response.setHeader('X-Request-Id', context.requestId);
  const start = performance.now();
  response.once('close', () => {
    const route = routePattern(request);
    logger.debug({
      msg: 'request',
      method: request.method,
      route,
      status: response.statusCode,
      ms: Math.round(performance.now() - start),
      requestId: context.requestId,
      principalId: context.principalId,
      ...(response.writableFinished ? {} : { aborted: true }),
    });
  });
  requestContext.run(context, next);
}

/** `/api/sessions/:id`; `-` where no route matched. */
export function routePattern(request: Request): string {
  const route: unknown = request.route;
  return typeof route === 'object' && route !== null && 'path' in route ? String(route.path) : '-';
}
