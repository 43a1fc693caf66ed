import { Injectable } from '@nestjs/common';
import { UnauthenticatedError } from './auth.errors.js';
import type { Principal } from './principal.types.js';

/** Bearer tokens of an OpenID Connect provider. */
@Injectable()
export class OidcTokens {
  /** @throws UnauthenticatedError where no provider is configured, or the token is not good */
  async principalOf(_token: string): Promise<Principal> {
    throw new UnauthenticatedError();
  }
}
