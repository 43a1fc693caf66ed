import { Logger } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { exportJWK, exportSPKI, type JWTPayload } from 'jose';
import { eventually } from '../../test/support/eventually.js';
import { IdentityProvider } from '../../test/support/identity-provider.js';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { OidcKeys } from './oidc-keys.service.js';
import { OidcTokens, principalIdOf } from './oidc-tokens.service.js';

class TestClock extends Clock {
  aheadMs = 0;
  override nowMs = () => Date.now() + this.aheadMs;
  override now = () => new Date(this.nowMs());
  override nowIso = () => this.now().toISOString();
}

const MINUTE = 60_000;
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('tokens of an identity provider', () => {
  let provider: IdentityProvider;
  let clock: TestClock;
  let tokens: OidcTokens;

  const tokensWith = (environment: Record<string, string> = {}) => {
    const config = new MusterConfig({ MUSTER_OIDC_ISSUER: provider.issuer, MUSTER_OIDC_AUDIENCE: 'muster', ...environment });
    return new OidcTokens(config, new OidcKeys(config, clock), clock);
  };
  const outcome = (token: string) =>
    tokens.principalOf(token).then(
      ({ id }) => id,
      (error: unknown) => (error as Error).constructor.name,
    );
  const nowS = () => clock.nowMs() / 1_000;

  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(async () => {
    provider = await IdentityProvider.start();
    clock = new TestClock();
    tokens = tokensWith();
  });
  afterEach(() => provider.down());

  it('name a user, with the name and the end of the token', async () => {
    const exp = Math.floor(nowS()) + 100;
    await expect(tokens.principalOf(await provider.token({ name: 'Ada\u0000 Lovelace', email: 'ada@example.org', exp }))).resolves.toEqual({
      id: 'oidc:ada',
      kind: 'user',
      name: 'Ada  Lovelace',
      validUntil: new Date(exp * 1_000).toISOString(),
    });
    await expect(tokens.principalOf(await provider.token({ name: '', preferred_username: 'ada.l' }))).resolves.toMatchObject({
      name: 'ada.l',
    });
    await expect(tokens.principalOf(await provider.token({ name: 7 }))).resolves.toMatchObject({ name: 'oidc:ada' });
  });

  it.each([
    ['ada', 'oidc:ada'],
    ['auth0|5f7c8ec7c33c6c004bbafe82', 'oidc:auth0|5f7c8ec7c33c6c004bbafe82'],
    ['x'.repeat(200), /^oidc:sha256-[0-9a-f]{64}$/],
    ['two words', /^oidc:sha256-[0-9a-f]{64}$/],
    ['Ада', /^oidc:sha256-[0-9a-f]{64}$/],
    [`sha256-${'0'.repeat(64)}`, /^oidc:sha256-(?!0{64})[0-9a-f]{64}$/],
  ])('of the subject %p are of the principal %p', (subject, id) => {
    if (typeof id === 'string') expect(principalIdOf(subject)).toBe(id);
    else expect(principalIdOf(subject)).toMatch(id);
  });

  it.each([
    ['roles', { roles: ['muster-admin'] }, 'admin'],
    ['roles', { roles: 'viewer muster-admin' }, 'admin'],
    ['roles', { roles: ['muster-administrator', 7, null] }, 'user'],
    ['roles', { roles: { 'muster-admin': true } }, 'user'],
    ['roles', {}, 'user'],
    ['realm_access.roles', { realm_access: { roles: ['muster-admin'] } }, 'admin'],
    ['realm_access.roles', { roles: ['muster-admin'] }, 'user'],
    ['https://example.org/roles', { 'https://example.org/roles': ['muster-admin'] }, 'admin'],
    ['constructor.name', {}, 'user'],
  ])('with the role claim %s and %p are of the kind %s', async (claim, claims, kind) => {
    tokens = tokensWith({ MUSTER_OIDC_ROLE_CLAIM: claim });
    await expect(tokens.principalOf(await provider.token(claims))).resolves.toMatchObject({ kind });
  });

  it.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])('may be signed with %s', async (alg) => {
    provider.keys = [await IdentityProvider.newKey('k', alg)];
    await expect(outcome(await provider.token())).resolves.toBe('oidc:ada');
  });

  describe('are refused', () => {
    afterEach(() => expect(provider.asked.jwks).toBeLessThanOrEqual(2));

    it('without a signature (alg none), and the provider is not even asked', async () => {
      const claims = { iss: provider.issuer, aud: 'muster', sub: 'ada', exp: nowS() + 100 };
      for (const alg of ['none', 'None', '', undefined, 5])
        await expect(outcome(`${base64({ alg, typ: 'JWT' })}.${base64(claims)}.`)).resolves.toBe('UnauthenticatedError');
      expect(provider.asked).toEqual({ discovery: 0, jwks: 0 });
    });

    it('signed with HS256 and the public key as secret', async () => {
      const key = provider.keys[0]!;
      await outcome(await provider.token());
      for (const secret of [await exportSPKI(key.publicKey), JSON.stringify(await exportJWK(key.publicKey))]) {
        const text = `${base64({ alg: 'HS256', kid: 'first' })}.${base64({ iss: provider.issuer, aud: 'muster', sub: 'ada', exp: nowS() + 100 })}`;
        const forged = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
        await expect(outcome(forged)).resolves.toBe('UnauthenticatedError');
      }
    });

    it('signed by another key under the same kid, or changed after signing', async () => {
      const other = await IdentityProvider.newKey('first');
      await expect(outcome(await provider.token({}, { key: other }))).resolves.toBe('UnauthenticatedError');
      const [header, , signature] = (await provider.token()).split('.');
      const claims = base64({ iss: provider.issuer, aud: 'muster', sub: 'root', exp: nowS() + 100 });
      await expect(outcome(`${header}.${claims}.${signature}`)).resolves.toBe('UnauthenticatedError');
    });

    it.each([
      ['expired', () => ({ exp: nowS() - 1 })],
      ['not valid yet', () => ({ nbf: nowS() + 40 })],
      ['issued in the future', () => ({ iat: nowS() + 40 })],
      ['without an end', () => ({ exp: undefined })],
      ['with an end that is no number', () => ({ exp: '9999999999' })],
      ['with an end beyond all dates', () => ({ exp: 1e300 })],
      ['without a subject', () => ({ sub: undefined })],
      ['with an empty subject', () => ({ sub: '' })],
      ['with a subject that is no text', () => ({ sub: 7 })],
      ['without an audience', () => ({ aud: undefined })],
      ['for another audience', () => ({ aud: 'other' })],
      ['for others only', () => ({ aud: ['a', 'b'] })],
      ['of another issuer', () => ({ iss: 'https://elsewhere.example' })],
      ['of the issuer with a slash more', () => ({ iss: `${provider.issuer}/` })],
      ['without an issuer', () => ({ iss: undefined })],
    ])('%s', async (_title, claims) => {
      await expect(outcome(await provider.token(claims() as JWTPayload))).resolves.toBe('UnauthenticatedError');
    });

    it('when they are no access or ID token, or demand what we do not know', async () => {
      for (const header of [{ typ: 'logout+jwt' }, { typ: 'secevent+jwt' }, { typ: 7 }])
        await expect(outcome(await provider.token({}, { header }))).resolves.toBe('UnauthenticatedError');
      const [, claims, signature] = (await provider.token()).split('.');
      const header = base64({ alg: 'ES256', kid: 'first', crit: ['new'], new: true });
      await expect(outcome(`${header}.${claims}.${signature}`)).resolves.toBe('UnauthenticatedError');
    });

    it.each(['', 'x', 'a.b', 'a.b.c', '....', 'e30.e30.', `${'x'.repeat(20_000)}.e30.x`, 'eyJhbGciOiJFUzI1NiJ9..'])(
      'malformed: %p, and the provider is not even asked',
      async (text) => {
        await expect(outcome(text)).resolves.toBe('UnauthenticatedError');
        expect(provider.asked).toEqual({ discovery: 0, jwks: 0 });
      },
    );

    it('without a key id, where several keys would do', async () => {
      provider.keys.push(await IdentityProvider.newKey('second'));
      await expect(outcome(await provider.token({}, { header: { kid: undefined } }))).resolves.toBe('UnauthenticatedError');
    });

    it('where no provider is configured', async () => {
      const config = new MusterConfig({});
      tokens = new OidcTokens(config, new OidcKeys(config, clock), clock);
      await expect(outcome(await provider.token())).resolves.toBe('UnauthenticatedError');
    });
  });

  it('are taken with clocks that differ by up to 30 seconds, of several audiences, of known types and without a key id', async () => {
    const good = [{ nbf: nowS() + 20 }, { iat: nowS() + 20 }, { aud: ['other', 'muster'] }];
    for (const claims of good) await expect(outcome(await provider.token(claims))).resolves.toBe('oidc:ada');
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt'])
      await expect(outcome(await provider.token({}, { header: { typ } }))).resolves.toBe('oidc:ada');
    await expect(outcome(await provider.token({}, { header: { kid: undefined } }))).resolves.toBe('oidc:ada');
  });

  it('cost one look at each document, also when many come at once', async () => {
    const token = await provider.token();
    expect(await Promise.all(Array.from({ length: 20 }, () => outcome(token)))).toEqual(Array(20).fill('oidc:ada'));
    expect(provider.asked).toEqual({ discovery: 1, jwks: 1 });
  });

  it('are checked with the keys of MUSTER_OIDC_JWKS_URL where it is set', async () => {
    tokens = tokensWith({ MUSTER_OIDC_JWKS_URL: provider.jwksUrl });
    await expect(outcome(await provider.token())).resolves.toBe('oidc:ada');
    expect(provider.asked).toEqual({ discovery: 0, jwks: 1 });
  });

  it('signed with a new key are taken once it is there; unknown keys make us look every 30 seconds at most', async () => {
    await expect(outcome(await provider.token())).resolves.toBe('oidc:ada');
    const next = await IdentityProvider.newKey('next');
    const token = await provider.token({}, { key: next });
    for (let i = 0; i < 5; i++) await expect(outcome(token)).resolves.toBe('UnauthenticatedError');
    expect(provider.asked.jwks).toBe(1);
    clock.aheadMs += 31_000;
    for (let i = 0; i < 5; i++) await expect(outcome(token)).resolves.toBe('UnauthenticatedError');
    expect(provider.asked.jwks).toBe(2);
    provider.keys = [next];
    clock.aheadMs += 31_000;
    await expect(outcome(token)).resolves.toBe('oidc:ada');
    expect(provider.asked.jwks).toBe(3);
  });

  it('signed with a key that the provider took back are refused after ten minutes and the next look', async () => {
    const [old] = provider.keys;
    await outcome(await provider.token());
    provider.keys = [await IdentityProvider.newKey('next')];
    clock.aheadMs += 11 * MINUTE;
    await outcome(await provider.token({}, { key: old, nowS: nowS() }));
    await eventually(() => provider.asked.jwks === 2);
    await eventually(async () => (await outcome(await provider.token({}, { key: old, nowS: nowS() }))) === 'UnauthenticatedError');
  });

  describe('while the provider', () => {
    it('is down, are answered as unavailable, and it is asked again after a moment', async () => {
      const token = await provider.token();
      await provider.down();
      await expect(tokens.principalOf(token)).rejects.toMatchObject({
        code: 'identity_provider_unavailable',
        kind: 'unavailable',
        details: { retryAfterS: 1 },
      });
      await provider.up();
      await expect(outcome(token)).resolves.toBe('IdentityProviderError');
      expect(provider.asked.discovery).toBe(0);
      clock.aheadMs += 1_001;
      await expect(outcome(token)).resolves.toBe('oidc:ada');
    });

    it('is down, go on with the keys known for an hour', async () => {
      const token = (): Promise<string> => provider.token({}, { nowS: nowS() });
      await outcome(await token());
      await provider.down();
      clock.aheadMs += 59 * MINUTE;
      await expect(outcome(await token())).resolves.toBe('oidc:ada');
      const unknown = await provider.token({}, { key: await IdentityProvider.newKey('next'), nowS: nowS() });
      await expect(outcome(unknown)).resolves.toBe('IdentityProviderError');
      clock.aheadMs += 2 * MINUTE;
      await expect(outcome(await token())).resolves.toBe('IdentityProviderError');
      await provider.up();
      clock.aheadMs += MINUTE;
      await expect(outcome(await token())).resolves.toBe('oidc:ada');
    });

    it('is asked ever more rarely the longer it fails', async () => {
      provider.answer = { status: 500 };
      const token = await provider.token({ exp: nowS() + 1_000 });
      for (let i = 0; i < 100; i++) {
        await expect(outcome(token)).resolves.toBe('IdentityProviderError');
        clock.aheadMs += 1_001;
      }
      expect(provider.asked.discovery).toBeLessThanOrEqual(8);
    });

    it.each([
      ['an error', { status: 503 }],
      ['a page', { body: '<html>' }],
      ['another form', { body: '{"keys":{}}' }],
      ['too much', { body: `{"keys":[],"more":"${'x'.repeat(1024 * 1024)}"}` }],
    ])('answers with %s, are unavailable', async (_title, answer) => {
      provider.answer = answer;
      tokens = tokensWith({ MUSTER_OIDC_JWKS_URL: provider.jwksUrl });
      await expect(outcome(await provider.token())).resolves.toBe('IdentityProviderError');
    });

    it.each([
      ['another issuer', { issuer: 'https://elsewhere.example' }],
      ['keys behind plain http', { jwks_uri: 'http://elsewhere.example/keys' }],
      ['keys that are no URL', { jwks_uri: 'keys' }],
    ])('names %s in its discovery document, are unavailable', async (_title, fields) => {
      provider.discovery = fields;
      await expect(outcome(await provider.token())).resolves.toBe('IdentityProviderError');
      expect(provider.asked.jwks).toBe(0);
    });

    it('sends us elsewhere for its keys, are unavailable: nothing says that it is it there', async () => {
      const elsewhere = await IdentityProvider.start();
      elsewhere.keys = provider.keys;
      provider.answer = { status: 302, headers: { location: elsewhere.jwksUrl } };
      tokens = tokensWith({ MUSTER_OIDC_JWKS_URL: provider.jwksUrl });
      await expect(outcome(await provider.token())).resolves.toBe('IdentityProviderError');
      expect(elsewhere.asked.jwks).toBe(0);
      await elsewhere.down();
    });

    it('hangs, are answered within the bound', async () => {
      provider.answer = { hangs: true };
      const start = performance.now();
      await expect(outcome(await provider.token())).resolves.toBe('IdentityProviderError');
      expect(performance.now() - start).toBeLessThan(8_000);
    }, 20_000);
  });

  it('are no credentials where the settings are half', () => {
    const config = (environment: Record<string, string>) => () => new MusterConfig(environment);
    expect(config({ MUSTER_OIDC_ISSUER: 'https://id.example' })).toThrow(/MUSTER_OIDC_AUDIENCE: is not set/);
    expect(config({ MUSTER_OIDC_AUDIENCE: 'muster' })).toThrow(/is set without MUSTER_OIDC_ISSUER/);
    expect(config({ MUSTER_OIDC_ISSUER: 'http://id.example', MUSTER_OIDC_AUDIENCE: 'muster' })).toThrow(/is not an https:\/\/ URL/);
    expect(config({ MUSTER_OIDC_ISSUER: 'https://a:b@id.example', MUSTER_OIDC_AUDIENCE: 'muster' })).toThrow(/not an https/);
  });
});
