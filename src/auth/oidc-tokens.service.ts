import { Injectable, Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { MusterConfig } from '../config/muster-config.js';
import type { OidcConfig } from '../config/oidc-config.js';
import { Clock } from '../core/clock.js';
import { DomainError } from '../core/errors/domain.error.js';
import { UnauthenticatedError } from './auth.errors.js';

import { OidcKeys } from './oidc-keys.service.js';
import { type Principal, PRINCIPAL_ID } from './principal.types.js';

/** Asymmetric ones only: with HS256 a public key would be the secret (RFC 8725 §2.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** Access and ID tokens; not what else a provider signs, like logout tokens (RFC 8725 §3.11). */
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt'];
const TOLERANCE_S = 30;
/** As much as Node takes of all headers. */
const MAX_LENGTH = 16 * 1024;
const MAX_NAME = 256;
/** `exp` up to the latest time that a date can tell. */
const CLAIMS = z.object({ sub: z.string().min(1), exp: z.number().max(8.64e12), iat: z.number().optional() });

/** Bearer tokens of an OpenID Connect provider. */
@Injectable()
export class OidcTokens {
  private readonly logger = new Logger(OidcTokens.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly keys: OidcKeys,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws UnauthenticatedError where no provider is configured, or the token is not good; IdentityProviderError where that can't be told
   */
  async principalOf(token: string): Promise<Principal> {
    const { oidc } = this.config;
    if (!oidc || !this.isForUs(token, oidc)) throw new UnauthenticatedError();
    const claims = await this.verify(token, oidc);
    const { success, data } = CLAIMS.safeParse(claims);
    const nowS = this.clock.nowMs() / 1_000;
    // The tolerance is for clocks that differ when a token is new; at its end it ends, like the connections it opened.
    if (!success || data.exp <= nowS || (data.iat ?? 0) > nowS + TOLERANCE_S) throw new UnauthenticatedError();
    const id = principalIdOf(data.sub);
    return {
      id,
      kind: rolesOf(claims, oidc.roleClaim).includes(oidc.adminRole) ? 'admin' : 'user',
      name: nameOf(claims) ?? id,
      validUntil: new Date(data.exp * 1_000).toISOString(),
    };
  }

  /** What is plainly not the provider's does not make us ask it for its keys. */
  private isForUs(token: string, { issuer }: OidcConfig): boolean {
    if (token.length > MAX_LENGTH) return false;
    try {
      const { alg = '', typ } = decodeProtectedHeader(token);
      return ALGORITHMS.includes(alg) && (typ === undefined || TYPES.includes(typ.toLowerCase())) && decodeJwt(token).iss === issuer;
    } catch {
      // Not a token at all, or a field in it is not of its type.
      return false;
    }
  }

  private async verify(token: string, { issuer, audience }: OidcConfig): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, (header, given) => this.keys.find(header, given), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['iss', 'aud', 'sub', 'exp'],
        clockTolerance: TOLERANCE_S,
        currentDate: this.clock.now(),
      });
      return payload;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      // A key of the provider that can't be used (an RSA key of 1,024 bits) is not the caller's fault, and not ours.
      if (!(error instanceof errors.JOSEError)) this.logger.warn({ msg: 'a token could not be checked', err: error });
      throw new UnauthenticatedError();
    }
  }
}

/** `oidc:<sub>`; of a subject that is no id of ours, or looks like a hash, its hash. */
export function principalIdOf(subject: string): string {
  const id = `oidc:${subject}`;
  if (PRINCIPAL_ID.test(id) && !subject.startsWith('sha256-')) return id;
  return `oidc:sha256-${createHash('sha256').update(subject).digest('hex')}`;
}

/** The claim of this name, or at the end of this path; a list, or a text of words. */
function rolesOf(claims: JWTPayload, path: string): readonly unknown[] {
  const found = fieldOf(claims, path) ?? path.split('.').reduce<unknown>(fieldOf, claims);
  if (typeof found === 'string') return found.split(' ');
  return Array.isArray(found) ? found : [];
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;

function nameOf(claims: JWTPayload): string | undefined {
  const names = [claims['name'], claims['preferred_username'], claims['email']];
  const name = names.find((each) => typeof each === 'string' && each.trim() !== '');
  // Names are shown in terminals and kept in databases.
  return typeof name === 'string'
    ? name
        .replace(/\p{Cc}/gu, ' ')
        .trim()
        .slice(0, MAX_NAME)
        .toWellFormed()
    : undefined;
}
