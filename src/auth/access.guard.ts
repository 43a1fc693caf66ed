import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';
import type { Request, Response } from 'express';
import { requestContext } from '../core/http/request-context.js';
import { Access } from './access.service.js';
import { Attempts } from './attempts.service.js';
import { Authenticator } from './authenticator.service.js';
import { csrfTokenOf } from './browser-logins.service.js';
import { RequestLimits, type RouteLimits } from './request-limits.service.js';
import { EdgeRules } from './edge-rules.js';
import { isSameSecret } from './credentials.js';
import { CsrfTokenError } from './auth.errors.js';
import { ROUTE_LIMITS, ROUTE_PERMISSION } from './route.types.js';
import type { Permission, Principal } from './principal.types.js';

export const COOKIE = 'muster_session';
export const CSRF_COOKIE = 'muster_csrf';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

declare module 'express-serve-static-core' {
  interface Request {
    principal?: Principal;
  }
}

/** Lets a request through to its handler when host, origin, credential, limits and permission are right. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
    private readonly access: Access,
    private readonly edge: EdgeRules,
    private readonly attempts: Attempts,
    private readonly limits: RequestLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    const permission = this.reflector.get<Permission | undefined>(ROUTE_PERMISSION, context.getHandler());
    const limits = this.reflector.get<RouteLimits | undefined>(ROUTE_LIMITS, context.getHandler());
    if (!permission || !limits)
      throw new Error(`The route ${context.getClass().name}.${context.getHandler().name} declares no permission.`);
    this.edge.assertHost(request.headers);
    const { credential, isCookie } = credentialOf(request.headers);
    const host = this.limits.hostOf(request);
    this.edge.assertOrigin(request.headers, { method: request.method, isCookie, host });
    if (permission === 'public') {
      await this.limits.enter(request, response, limits, undefined);
      return true;
    }
    if (isCookie && credential !== undefined && !SAFE_METHODS.includes(request.method)) assertCsrf(request.headers, credential);
    const address = this.limits.addressOf(request);
    const principal = await this.attempts.guard(address, credential, () => this.authenticator.authenticate(credential));
    await this.limits.enter(request, response, limits, principal);
    this.access.assertMay(principal, permission);
    request.principal = principal;
    const store = requestContext.getStore();
    if (store) store.principalId = principal.id;
    return true;
  }
}

/** A page of another origin can send our cookie along, but not know this. @throws CsrfTokenError */
function assertCsrf(headers: IncomingHttpHeaders, cookie: string): void {
  const given = headers['x-csrf-token'];
  if (typeof given !== 'string' || !isSameSecret(given, csrfTokenOf(cookie))) throw new CsrfTokenError();
}

/** The credential of a request: Bearer, `X-API-Key` or our cookie, in this order. */
export function credentialOf(headers: IncomingHttpHeaders): { credential: string | undefined; isCookie: boolean } {
  const bearer = /^Bearer +([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = headers['x-api-key'];
  const given = bearer ?? (Array.isArray(key) ? key[0] : key);
  if (given !== undefined || headers.authorization !== undefined) return { credential: given, isCookie: false };
  const cookie = headers.cookie
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${COOKIE}=`));
  return { credential: cookie?.slice(COOKIE.length + 1), isCookie: cookie !== undefined };
}
