import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';
import { requestContext } from '../core/http/request-context.js';
import { Access } from './access.service.js';
import { Authenticator } from './authenticator.service.js';
import { csrfTokenOf } from './browser-logins.service.js';
import { EdgeRules } from './edge-rules.js';
import { isSameSecret } from './credentials.js';
import { CsrfTokenError } from './auth.errors.js';
import { ROUTE_PERMISSION } from './route.decorator.js';
import type { Permission, Principal } from './principal.types.js';

export const COOKIE = 'muster_session';
export const CSRF_COOKIE = 'muster_csrf';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

declare module 'express-serve-static-core' {
  interface Request {
    principal?: Principal;
  }
}

/** Lets a request through to its handler when host, origin, credential and permission are right. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
    private readonly access: Access,
    private readonly edge: EdgeRules,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    const permission = this.reflector.get<Permission | undefined>(ROUTE_PERMISSION, context.getHandler());
    if (!permission) throw new Error(`The route ${context.getClass().name}.${context.getHandler().name} declares no permission.`);
    this.edge.assertHost(request.headers);
    const { credential, isCookie } = credentialOf(request.headers);
    this.edge.assertOrigin(request.headers, { method: request.method, isCookie });
    if (permission === 'public') return true;
    if (isCookie && credential !== undefined && !SAFE_METHODS.includes(request.method)) assertCsrf(request.headers, credential);
    const principal = await this.authenticator.authenticate(credential);
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
