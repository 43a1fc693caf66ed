import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { EdgeError, InvalidInputError } from '../errors/domain.error.js';

const BODY_LIMIT = 1024 * 1024;
/** Batches of events, prompts with pictures, and hooks with what a tool gave back. */
const LARGE_BODY_LIMIT = 8 * BODY_LIMIT;
const LARGE = /^\/(api\/sessions(\/[^/]+\/(events|input))?|api\/hooks\/[^/]+|compat\/[^/]+\/(.+\/)?events)$/;
/** How deep an input may nest: far more than any real one, far less than what harms a recursive reader. */
export const MAX_DEPTH = 64;

/** What is said of JSON that {@link isPlainJson} refuses. */
export const NOT_PLAIN = `The JSON nests deeper than ${MAX_DEPTH}, or has a number that is too large.`;

/** Reads JSON bodies, by content type only; anything else with a body is 415. */
export function jsonBody(): RequestHandler[] {
  const small = json({ limit: BODY_LIMIT, strict: false, type: 'application/json' });
  const large = json({ limit: LARGE_BODY_LIMIT, strict: false, type: 'application/json' });
  return [
    (request: Request, _response: Response, next: NextFunction) => {
      if (hasBody(request) && !(request.is('application/json') && isUtf8(request.headers['content-type'])))
        return next(
          new EdgeError('unsupported_media_type', 415, 'Only JSON in UTF-8 is read here.', {
            remedy: 'Send Content-Type: application/json.',
          }),
        );
      return next();
    },
    // The parser would make an empty object of no body at all.
    (request, response, next) => (hasBody(request) ? (LARGE.test(request.path) ? large : small)(request, response, next) : next()),
    (request: Request, _response: Response, next: NextFunction) => {
      const body: unknown = request.body;
      if (!isPlainJson(body)) return next(new InvalidInputError(NOT_PLAIN, { remedy: 'Flatten it, or send such numbers as strings.' }));
      return next();
    },
  ];
}

const hasBody = ({ headers }: Request): boolean => headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const isUtf8 = (contentType = ''): boolean => /^utf-?8$/i.test(/charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8');

/** Whether a value read from JSON can be kept: it nests no deeper than {@link MAX_DEPTH}, and its numbers are finite (`1e400` is not). */
export function isPlainJson(value: unknown, depthLeft = MAX_DEPTH): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return depthLeft > 0 && Object.values(value).every((each) => isPlainJson(each, depthLeft - 1));
}
