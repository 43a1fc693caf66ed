import { applyDecorators, HttpCode, SetMetadata, type Type } from '@nestjs/common';
import { ApiBody, ApiExtension, ApiOperation, ApiProduces, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { ProblemResponse } from '../core/http/problem.response.js';
import type { Permission } from './principal.types.js';

export const ROUTE_PERMISSION = 'muster:permission';

export interface RouteOptions {
  /** Stable operation id of the API document. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly permission: Permission;
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
}

/** Everything a route must declare, in one place: a handler without it is refused by the guard and fails a test. */
export function Route(options: RouteOptions): MethodDecorator {
  const { id, summary, description, permission, response, body, errors = {}, also = {} } = options;
  const status = response.status ?? 200;
  const common: Record<number, readonly string[]> = {
    400: ['invalid_input'],
    403: ['forbidden', 'host_not_allowed', 'origin_not_allowed'],
    413: ['body_too_large'],
    415: ['unsupported_media_type'],
    503: ['unavailable'],
  };
  if (permission !== 'public') common[401] = ['unauthenticated'];
  for (const [key, codes] of Object.entries(errors)) common[Number(key)] = [...new Set([...(common[Number(key)] ?? []), ...codes])];
  return applyDecorators(
    SetMetadata(ROUTE_PERMISSION, permission),
    HttpCode(status),
    ApiOperation({ operationId: id, summary, description, ...(permission === 'public' ? { security: [] } : {}) }),
    ApiExtension('x-permission', permission),
    ...(response.mediaType ? [ApiProduces(response.mediaType)] : []),
    ApiResponse(responseOf(status, response)),
    ...Object.entries(also).map(([key, description]) => ApiResponse(responseOf(Number(key), { ...response, description }))),
    ...Object.entries(common).map(([key, codes]) => ApiResponse(problemResponse(Number(key), codes))),
    ...(body ? [ApiBody({ type: body.type, required: true, examples: examplesOf(body.examples) })] : []),
  );
}

function responseOf(status: number, { type, example, description = 'Done', mediaType }: RouteOptions['response']): ApiResponseOptions {
  if (mediaType)
    return { status, description, content: { [mediaType]: { schema: { type: 'string' }, ...(example === undefined ? {} : { example }) } } };
  return { status, description, ...(type ? { type } : {}), ...(example === undefined ? {} : { example }) };
}

const problemResponse = (status: number, codes: readonly string[]): ApiResponseOptions => ({
  status,
  description: codes.map((code) => `\`${code}\``).join(', '),
  type: ProblemResponse,
  example: {
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
