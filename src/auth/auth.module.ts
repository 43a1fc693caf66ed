import { Module } from '@nestjs/common';
import { AccessGuard } from './access.guard.js';
import { Access } from './access.service.js';
import { AccessWatch } from './access-watch.service.js';
import { AdminKey } from './admin-key.js';
import { Attempts } from './attempts.service.js';
import { AuthController } from './auth.controller.js';
import { Authenticator } from './authenticator.service.js';
import { BrowserLogins } from './browser-logins.service.js';
import { ClientAddress } from './client-address.service.js';
import { EdgeRules } from './edge-rules.js';
import { ForgetWhenAccessChangedListener } from './forget-when-access-changed.listener.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotentRequests } from './idempotent-requests.service.js';
import { KeysController } from './keys.controller.js';
import { Keys } from './keys.service.js';
import { Memberships } from './memberships.service.js';
import { OidcKeys } from './oidc-keys.service.js';
import { OidcTokens } from './oidc-tokens.service.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';
import { MembershipsRepository } from './persistence/memberships.repository.js';
import { RateLimits } from './rate-limits.service.js';
import { RequestLimits } from './request-limits.service.js';
import { StreamSlots } from './stream-slots.service.js';
import { Tickets } from './tickets.service.js';

@Module({
  controllers: [AuthController, KeysController],
  providers: [
    Access,
    AccessGuard,
    AccessWatch,
    AdminKey,
    ApiKeysRepository,
    Attempts,
    Authenticator,
    BrowserLogins,
    ClientAddress,
    EdgeRules,
    ForgetWhenAccessChangedListener,
    IdempotencyInterceptor,
    IdempotentRequests,
    Keys,
    Memberships,
    MembershipsRepository,
    OidcKeys,
    OidcTokens,
    RateLimits,
    RequestLimits,
    StreamSlots,
    Tickets,
  ],
  exports: [
    Access,
    AccessGuard,
    AccessWatch,
    Attempts,
    Authenticator,
    BrowserLogins,
    ClientAddress,
    EdgeRules,
    IdempotencyInterceptor,
    IdempotentRequests,
    Keys,
    Memberships,
    RateLimits,
    RequestLimits,
    StreamSlots,
    Tickets,
  ],
})
export class AuthModule {}
