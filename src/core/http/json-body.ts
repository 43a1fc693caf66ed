import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { EdgeError, InvalidInputError } from '../errors/domain.error.js';

const BODY_LIMIT = 1024 * 1024;
/** Batches of events and prompts with pictures. */
const LARGE_BODY_LIMIT = 8 * BODY_LIMIT;
const LARGE = /^\/api\/sessions(\/[^/]+\/(events|input))?$/;
/** How deep an input may nest: far more than any real one, far less than what harms a recursive reader. */
export const MAX_DEPTH = 64;

/** Reads JSON bodies, by content type only; anything else with a body is 415. */
export function jsonBody(): RequestHandler[] {
  const small = json({ limit: BODY_LIMIT, strict: false, type: 'application/json' });
  const large = json({ limit: LARGE_BODY_LIMIT, strict: false, type: 'application/json' });
  return [
    (request: Request, _response: Response, next: NextFunction) => {
      const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
      if (hasBody && !(request.is('application/json') && isUtf8(request.headers['content-type'])))
        return next(
          new EdgeError('unsupported_media_type', 415, 'Only JSON in UTF-8 is read here.', {
            remedy: 'Send Content-Type: application/json.',
          }),
        );
      return next();
    },
    (request, response, next) => (LARGE.test(request.path) ? large : small)(request, response, next),
    (request: Request, _response: Response, next: NextFunction) => {
      const body: unknown = request.body;
      if (isDeeperThan(body, MAX_DEPTH))
        return next(new InvalidInputError(`The body nests deeper than ${MAX_DEPTH}.`, { remedy: 'Flatten it.' }));
      return next();
    },
  ];
}

const isUtf8 = (contentType = ''): boolean => /^utf-?8$/i.test(/charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8');

/** Whether a JSON value nests deeper than `limit`; looks no deeper than that. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return limit === 0 || Object.values(value).some((each) => isDeeperThan(each, limit - 1));
}
