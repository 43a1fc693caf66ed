import type { ErrorAnswer } from '../../core/errors/error-shapes.service.js';
import type { Problem } from '../../core/errors/problem.js';

/** What their server says, where it says something of its own. */
const DETAILS: Readonly<Record<string, string>> = {
  session_not_found: 'Session not found',
  external_id_taken: 'Session already exists',
  route_not_found: 'Not Found',
  internal_error: 'Internal Server Error',
};
/** Input of a wrong form, whoever noticed: 422 with a list. */
const WRONG_FORM = ['invalid_input', 'invalid_json', 'invalid_event', 'unsupported_media_type'];

/** A failure as FastAPI sends it: `{detail}`, a text, or a list of wrong places. */
export function aoError(problem: Problem): ErrorAnswer {
  const mediaType = 'application/json';
  if (WRONG_FORM.includes(problem.code)) return { status: 422, mediaType, body: { detail: wrongPlaces(problem) } };
  return { status: problem.status, mediaType, body: { detail: DETAILS[problem.code] ?? problem.detail } };
}

function wrongPlaces({ code, detail, issues = [], context = {} }: Problem): unknown {
  if (Array.isArray(context.detail)) return context.detail;
  if (code === 'invalid_json') return [{ loc: ['body', 0], msg: 'JSON decode error', type: 'json_invalid' }];
  if (issues.length === 0) return [{ loc: ['body'], msg: detail, type: 'value_error' }];
  return issues.map(({ path, message }) => ({ loc: ['body', ...path.split('.').filter(Boolean)], msg: message, type: 'value_error' }));
}
