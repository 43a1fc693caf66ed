import { ConfigError, type VariableName } from './environment.js';
import { isLoopback } from './loopback.js';

/** An OpenID Connect provider whose tokens are credentials here. */
export interface OidcConfig {
  /** As in `iss`, to the letter. */
  readonly issuer: string;
  readonly audience: string;
  /** Absent: as the issuer's discovery document says. */
  readonly jwksUrl: string | undefined;
  /** A claim, or a path to it with dots. */
  readonly roleClaim: string;
  readonly adminRole: string;
}

/** @throws ConfigError where only a part of it is there, or keys would come over a wire that anybody can write to */
export function oidcConfig(read: (name: VariableName) => string | undefined): OidcConfig | undefined {
  const [issuer, audience, jwksUrl] = [read('MUSTER_OIDC_ISSUER'), read('MUSTER_OIDC_AUDIENCE'), read('MUSTER_OIDC_JWKS_URL')];
  if (issuer === undefined) {
    for (const name of ['MUSTER_OIDC_AUDIENCE', 'MUSTER_OIDC_JWKS_URL'] as const)
      if (read(name) !== undefined) throw new ConfigError(name, 'is set without MUSTER_OIDC_ISSUER', 'Set the issuer too, or remove it.');
    return undefined;
  }
  if (audience === undefined)
    throw new ConfigError(
      'MUSTER_OIDC_AUDIENCE',
      'is not set',
      'Without it, tokens meant for other services would do: set what yours name as "aud".',
    );
  assertPrivate('MUSTER_OIDC_ISSUER', issuer);
  if (jwksUrl !== undefined) assertPrivate('MUSTER_OIDC_JWKS_URL', jwksUrl);
  return {
    issuer,
    audience,
    jwksUrl,
    roleClaim: read('MUSTER_OIDC_ROLE_CLAIM') ?? '',
    adminRole: read('MUSTER_OIDC_ADMIN_ROLE') ?? '',
  };
}

function assertPrivate(variable: VariableName, value: string): void {
  if (isTrustedUrl(value)) return;
  throw new ConfigError(variable, `${JSON.stringify(value)} is not an https:// URL`, 'Plain http:// is for a loopback address only.');
}

/** Whether what comes from there can't have been written by somebody on the way: whoever writes the keys is an admin. */
export function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  return username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname)));
}
