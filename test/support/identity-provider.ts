import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type CryptoKey, type JWTPayload, SignJWT } from 'jose';

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An OpenID Connect provider on 127.0.0.1, as far as a resource server sees one: its discovery document, its keys, its tokens. */
export class IdentityProvider {
  readonly audience = 'muster';
  /** The keys it shows. */
  keys: Key[] = [];
  /** How often each of its documents was asked for. */
  readonly asked = { discovery: 0, jwks: 0 };
  /** In place of what it would answer. */
  answer: { status?: number; body?: string; headers?: Record<string, string>; hangs?: boolean } | undefined;
  /** Further fields of the discovery document. */
  discovery: Record<string, unknown> = {};
  private server: Server | undefined;
  private port = 0;

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    await provider.up();
    provider.keys = [await IdentityProvider.newKey('first')];
    return provider;
  }

  static async newKey(kid: string, alg = 'ES256'): Promise<Key> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return { kid, alg, privateKey, publicKey };
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.port}/realms/test`;
  }

  get jwksUrl(): string {
    return `http://127.0.0.1:${this.port}/keys`;
  }

  /** Listens, again on the same port where it was down. */
  async up(): Promise<void> {
    this.server = createServer((request, response) => void this.serve(request.url ?? '', response));
    await new Promise<void>((done) => this.server?.listen(this.port, '127.0.0.1', done));
    this.port = (this.server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((done) => this.server?.close(done));
  }

  /** A good token; `claims` in place of the usual ones (undefined leaves one out), `header` beside the usual fields. */
  async token(claims: JWTPayload = {}, { key = this.keys[0], header = {}, nowS = Date.now() / 1_000 }: TokenOptions = {}): Promise<string> {
    if (!key) throw new Error('The provider has no key.');
    const now = Math.floor(nowS);
    const all = { iss: this.issuer, aud: this.audience, sub: 'ada', iat: now, exp: now + 300, ...claims };
    return new SignJWT(JSON.parse(JSON.stringify(all))).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
  }

  private async serve(url: string, response: import('node:http').ServerResponse): Promise<void> {
    const isDiscovery = url === '/realms/test/.well-known/openid-configuration';
    if (isDiscovery) this.asked.discovery += 1;
    else if (url === '/keys') this.asked.jwks += 1;
    const { status = 200, body, headers = {}, hangs = false } = this.answer ?? {};
    if (hangs) return;
    const own = isDiscovery
      ? { issuer: this.issuer, jwks_uri: this.jwksUrl, ...this.discovery }
      : {
          keys: await Promise.all(
            this.keys.map(async ({ kid, alg, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' })),
          ),
        };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body ?? JSON.stringify(own));
  }
}

interface TokenOptions {
  readonly key?: Key;
  readonly header?: Record<string, unknown>;
  readonly nowS?: number;
}
