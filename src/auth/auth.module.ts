import { Module } from '@nestjs/common';
import { AccessGuard } from './access.guard.js';
import { Access } from './access.service.js';
import { AdminKey } from './admin-key.js';
import { AuthController } from './auth.controller.js';
import { Authenticator } from './authenticator.service.js';
import { BrowserLogins } from './browser-logins.service.js';
import { EdgeRules } from './edge-rules.js';
import { ForgetWhenAccessChangedListener } from './forget-when-access-changed.listener.js';
import { KeysController } from './keys.controller.js';
import { Keys } from './keys.service.js';
import { Memberships } from './memberships.service.js';
import { OidcTokens } from './oidc-tokens.service.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';
import { MembershipsRepository } from './persistence/memberships.repository.js';
import { Tickets } from './tickets.service.js';

@Module({
  controllers: [AuthController, KeysController],
  providers: [
    Access,
    AccessGuard,
    AdminKey,
    ApiKeysRepository,
    Authenticator,
    BrowserLogins,
    EdgeRules,
    ForgetWhenAccessChangedListener,
    Keys,
    Memberships,
    MembershipsRepository,
    OidcTokens,
    Tickets,
  ],
  exports: [Access, AccessGuard, Authenticator, BrowserLogins, EdgeRules, Keys, Memberships, Tickets],
})
export class AuthModule {}
