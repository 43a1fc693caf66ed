import { applyDecorators, HttpCode, SetMetadata, type Type, UseInterceptors } from '@nestjs/common';
import { ApiBody, ApiExtension, ApiHeader, ApiOperation, ApiProduces, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { ProblemResponse } from '../core/http/problem.response.js';
import { IDEMPOTENCY_KEY } from '../core/idempotency/idempotency.types.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import type { Permission } from './principal.types.js';
import type { RouteLimits } from './request-limits.service.js';
import type { RateClass, RateUse } from './rate-limits.types.js';
import { ROUTE_IDEMPOTENCY, ROUTE_LIMITS, ROUTE_PERMISSION, type RouteIdempotency } from './route.types.js';

export interface RouteOptions {
  /** Stable operation id of the API document. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly permission: Permission;
  /** The class its requests are counted in. Absent: `read` where it is a GET, else `write`. */
  readonly limit?: RateClass;
  /** Where the body says how much a request is, or of which class. */
  readonly use?: (body: unknown) => RateUse;
  /** Whether it stays open: always, or where `?wait=` says so. Absent: never. */
  readonly stream?: RouteLimits['stream'];
  /**
   * Takes an `Idempotency-Key`: what its handler makes, it makes in one unit of work, as {@link UnitOfWork.around} wants it. `secret`:
   * its answer holds one, and is kept encrypted.
   */
  readonly idempotent?: RouteIdempotency['answer'];
  /** What it answers. `text` is for what is not JSON. */
  readonly response: {
    readonly status?: number;
    readonly type?: Type;
    readonly example?: unknown;
    readonly description?: string;
    readonly mediaType?: string;
  };
  /** An example body, for routes that take one. */
  readonly body?: { readonly type: Type; readonly examples: Readonly<Record<string, unknown>> };
  /** Codes by status, beyond those every route has. */
  readonly errors?: Readonly<Record<number, readonly string[]>>;
  /** Further answers that are no failures, with the same body as `response`. */
  readonly also?: Readonly<Record<number, string>>;
  /** What a failure looks like in the contract of another system, and the status of input of a wrong form. Absent: problem details, 400. */
  readonly failure?: { readonly type: Type; readonly example: unknown; readonly invalid: number };
}

/** Everything a route must declare, in one place: a handler without it is refused by the guard and fails a test. */
export function Route(options: RouteOptions): MethodDecorator {
  const { id, summary, description, permission, response, body, errors = {}, also = {}, stream = 'never', idempotent, failure } = options;
  const status = response.status ?? 200;
  const common: Record<number, readonly string[]> = {
    400: ['invalid_input'],
    403: ['forbidden', 'host_not_allowed', 'origin_not_allowed'],
    413: ['body_too_large'],
    415: ['unsupported_media_type'],
    503: ['unavailable', 'database_unavailable', 'database_not_durable', 'storage_failed'],
    507: ['storage_full'],
  };
  if (failure) common[failure.invalid] = ['invalid_input'];
  if (permission !== 'public') common[401] = ['unauthenticated'];
  const tooMuch = [
    ...(options.limit === 'none' ? [] : ['rate_limited']),
    ...(permission === 'public' && options.limit !== 'login' ? [] : ['too_many_attempts']),
    ...(stream === 'never' ? [] : ['too_many_streams']),
  ];
  if (tooMuch.length > 0) common[429] = tooMuch;
  for (const [key, codes] of Object.entries(errors)) common[Number(key)] = [...new Set([...(common[Number(key)] ?? []), ...codes])];
  if (idempotent) common[409] = [...(common[409] ?? []), 'idempotency_key_reused', 'idempotency_in_progress'];
  return applyDecorators(
    SetMetadata(ROUTE_PERMISSION, permission),
    SetMetadata(ROUTE_LIMITS, limitsOf(options)),
    HttpCode(status),
    ApiOperation({ operationId: id, summary, description, ...(permission === 'public' ? { security: [] } : {}) }),
    ApiExtension('x-permission', permission),
    ...(response.mediaType ? [ApiProduces(response.mediaType)] : []),
    ApiResponse({
      ...responseOf(status, response),
      headers: { ...(options.limit === 'none' ? {} : RATE_HEADERS), ...(idempotent ? REPLAYED_HEADERS : {}) },
    }),
    ...Object.entries(also).map(([key, description]) => ApiResponse(responseOf(Number(key), { ...response, description }))),
    ...Object.entries(common).map(([key, codes]) => ApiResponse(problemResponse(Number(key), codes, failure))),
    ...(body ? [ApiBody({ type: body.type, required: true, examples: examplesOf(body.examples) })] : []),
    ...(idempotent ? idempotency({ operation: id, answer: idempotent }) : []),
  );
}

const limitsOf = ({ limit, use, stream = 'never' }: RouteOptions): RouteLimits => ({
  use: (body, method) => use?.(body) ?? { class: limit ?? (method === 'GET' || method === 'HEAD' ? 'read' : 'write') },
  stream,
});

const header = (description: string) => ({ description, schema: { type: 'integer' } }) as const;
const RATE_HEADERS = {
  'RateLimit-Limit': header('How much of the class of this route there is in a period; absent where nothing limits it.'),
  'RateLimit-Remaining': header('How much of it is left.'),
  'RateLimit-Reset': header('Seconds until all of it is there again.'),
};

const idempotency = (route: RouteIdempotency): MethodDecorator[] => [
  SetMetadata(ROUTE_IDEMPOTENCY, route),
  UseInterceptors(IdempotencyInterceptor),
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'Sent again with the same key within 24 hours, the request is carried out once, and gets the first answer.',
    schema: { type: 'string', pattern: IDEMPOTENCY_KEY.source },
  }),
];
const REPLAYED_HEADERS = {
  'Idempotency-Replayed': { description: '`true`: the answer to an earlier request with the same key.', schema: { type: 'string' } },
} as const;

function responseOf(status: number, { type, example, description = 'Done', mediaType }: RouteOptions['response']): ApiResponseOptions {
  if (mediaType)
    return { status, description, content: { [mediaType]: { schema: { type: 'string' }, ...(example === undefined ? {} : { example }) } } };
  return { status, description, ...(type ? { type } : {}), ...(example === undefined ? {} : { example }) };
}

const problemResponse = (status: number, codes: readonly string[], failure: RouteOptions['failure']): ApiResponseOptions => ({
  status,
  description: codes.map((code) => `\`${code}\``).join(', '),
  ...(status === 429 ? { headers: { 'Retry-After': header('Seconds after which to try again.'), ...RATE_HEADERS } } : {}),
  type: failure?.type ?? ProblemResponse,
  example: failure?.example ?? {
    type: 'about:blank',
    title: 'Error',
    status,
    code: codes[0] ?? 'error',
    detail: 'What is wrong, for people.',
    requestId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  },
});

const examplesOf = (examples: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { summary: name, value }]));
