import { Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { COOKIE, credentialOf, CSRF_COOKIE } from './access.guard.js';
import { Attempts } from './attempts.service.js';
import { BrowserLogins, csrfTokenOf } from './browser-logins.service.js';
import { ClientAddress } from './client-address.service.js';
import { LoginQuery } from './dto/login.dto.js';
import { PrincipalResponse } from './dto/principal.response.js';
import { MusterController } from './muster-controller.decorator.js';
import type { Principal } from './principal.types.js';
import { CurrentPrincipal } from './request-params.decorator.js';
import { Route } from './route.decorator.js';

@MusterController('', 'access')
export class AuthController {
  constructor(
    private readonly logins: BrowserLogins,
    private readonly attempts: Attempts,
    private readonly addresses: ClientAddress,
  ) {}

  @Get('me')
  @Route({
    id: 'getMe',
    summary: 'Who these credentials belong to',
    permission: 'self:read',
    response: { type: PrincipalResponse, example: { id: 'admin', kind: 'admin', name: 'Administrator' } },
  })
  me(@CurrentPrincipal() principal: Principal, @Req() request: Request): PrincipalResponse {
    const { credential, isCookie } = credentialOf(request.headers);
    return PrincipalResponse.of(principal, isCookie && credential !== undefined ? csrfTokenOf(credential) : undefined);
  }

  @Get('login')
  @Route({
    id: 'login',
    summary: 'Signs a browser in with the one-time link printed at start',
    permission: 'public',
    limit: 'login',
    response: { status: 303, description: 'Signed in by cookie; goes on to the API page' },
    errors: { 401: ['unauthenticated'] },
  })
  async login(@Query() { code }: LoginQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { secret, csrfToken, maxAgeMs } = await this.attempts.guard(this.addresses.of(request), code, () => this.logins.redeem(code));
    const secure = this.addresses.isSecure(request);
    response.cookie(COOKIE, secret, { httpOnly: true, secure, sameSite: 'strict', path: '/', maxAge: maxAgeMs });
    // Readable by our pages, so that they can send it as X-CSRF-Token.
    response.cookie(CSRF_COOKIE, csrfToken, { secure, sameSite: 'strict', path: '/', maxAge: maxAgeMs });
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.redirect(303, '/api/docs');
  }
}
