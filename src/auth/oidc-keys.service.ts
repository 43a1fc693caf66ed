import { Injectable, Logger } from '@nestjs/common';
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { z } from 'zod';
import { MusterConfig } from '../config/muster-config.js';
import { isTrustedUrl, type OidcConfig } from '../config/oidc-config.js';
import { Clock } from '../core/clock.js';
import { IdentityProviderError } from './auth.errors.js';

/** How long a caller waits for the provider at most, for both of its documents together. */
const TIMEOUT_MS = 5_000;
/** Larger than any real document of this kind. */
const MAX_BYTES = 1024 * 1024;
/** From this age on keys are read again, beside what goes on with the old ones. */
const FRESH_MS = 10 * 60_000;
/** Older ones are not trusted any more: a key that was taken back is refused after this time at the latest. */
const USABLE_MS = 60 * 60_000;
/** A token with an unknown key makes us look again, this often at most: anybody can send one. */
const COOL_DOWN_MS = 30_000;
const FIRST_RETRY_MS = 1_000;

const DISCOVERY = z.object({ issuer: z.string(), jwks_uri: z.string() });
const JWKS = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

type KeySet = ReturnType<typeof createLocalJWKSet>;

/** The provider's public keys: read when the first token comes, kept, and read again when they age or a token names another. */
@Injectable()
export class OidcKeys {
  private readonly logger = new Logger(OidcKeys.name);
  private known: { readonly keys: KeySet; readonly readAt: number } | undefined;
  private reading: Promise<KeySet> | undefined;
  private failures = 0;
  private retryAt = 0;

  constructor(
    private readonly config: MusterConfig,
    private readonly clock: Clock,
  ) {}

  /** The key that signed a token. @throws IdentityProviderError; errors of jose where the provider has no such key */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): ReturnType<KeySet> {
    const keys = await this.current();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newer = await this.afterRotation();
      if (!newer) throw error;
      return newer(header, token);
    }
  }

  private async current(): Promise<KeySet> {
    const { known } = this;
    const now = this.clock.nowMs();
    if (!known || now - known.readAt >= USABLE_MS) return this.read();
    // Nobody waits while there is something to go on with; a failure is told in the log and tried again.
    if (now - known.readAt >= FRESH_MS && now >= this.retryAt) this.read().catch(() => undefined);
    return known.keys;
  }

  /** The keys read anew, or undefined where they were read a moment ago. @throws IdentityProviderError */
  private async afterRotation(): Promise<KeySet | undefined> {
    const { known } = this;
    const isRecent = known !== undefined && this.clock.nowMs() - known.readAt < COOL_DOWN_MS;
    return isRecent && !this.reading ? undefined : this.read();
  }

  /** One read at a time, for all that wait. */
  private read(): Promise<KeySet> {
    this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readOnce(): Promise<KeySet> {
    const { oidc } = this.config;
    const waitMs = this.retryAt - this.clock.nowMs();
    if (!oidc || waitMs > 0) throw new IdentityProviderError(Math.max(1, Math.ceil(waitMs / 1_000)));
    try {
      const keys = createLocalJWKSet(await fetchKeys(oidc, AbortSignal.timeout(TIMEOUT_MS)));
      this.known = { keys, readAt: this.clock.nowMs() };
      this.failures = 0;
      return keys;
    } catch (error) {
      const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.failures++, COOL_DOWN_MS);
      this.retryAt = this.clock.nowMs() + delayMs;
      this.logger.warn({ msg: 'the keys of the identity provider could not be read', issuer: oidc.issuer, delayMs, err: error });
      throw new IdentityProviderError(Math.ceil(delayMs / 1_000));
    }
  }
}

async function fetchKeys({ issuer, jwksUrl }: OidcConfig, signal: AbortSignal): Promise<JSONWebKeySet> {
  const url = jwksUrl ?? (await discover(issuer, signal));
  if (!isTrustedUrl(url)) throw new Error(`jwks_uri is not an https:// URL: ${url.slice(0, 200)}`);
  return JWKS.parse(await fetchJson(url, signal));
}

/** OpenID Connect Discovery 1.0 §4: the document must name the issuer that was asked. */
async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const document = DISCOVERY.parse(await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, signal));
  if (document.issuer !== issuer)
    throw new Error(`the discovery document names the issuer ${JSON.stringify(document.issuer.slice(0, 200))}`);
  return document.jwks_uri;
}

/** A redirect could lead to a place without TLS, so that none is followed. */
async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status !== 200 || !response.body) throw new Error(`${url} answered ${response.status}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    const piece: unknown = chunk;
    if (!ArrayBuffer.isView(piece)) continue;
    size += piece.byteLength;
    if (size > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`);
    chunks.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
