import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv6 } from 'node:net';
import { isLoopback } from '../config/loopback.js';
import { MusterConfig } from '../config/muster-config.js';
import { HostNotAllowedError, OriginNotAllowedError } from './auth.errors.js';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export interface OriginCheck {
  readonly method: string;
  readonly isUpgrade?: boolean;
  readonly isCookie?: boolean;
  /** What the caller calls this server; absent: as in its Host header. */
  readonly host?: string | undefined;
}

/** Which names this server answers to, and from which pages a browser may call it. */
@Injectable()
export class EdgeRules {
  private readonly hosts: ReadonlySet<string>;
  /** Headers of requests whose origin is allowed for what they ask for, and for nothing else. */
  private readonly welcome = new WeakSet<IncomingHttpHeaders>();

  constructor(private readonly config: MusterConfig) {
    const own = [config.host, ...(config.publicUrl ? [new URL(config.publicUrl).hostname] : []), ...config.allowedHosts];
    // A Host header has IPv6 addresses in brackets.
    this.hosts = new Set(own.map((each) => (isIPv6(each) ? `[${each}]` : each).toLowerCase()));
  }

  /** @throws HostNotAllowedError: a page that had its name pointed at this address (DNS rebinding) names itself here */
  assertHost(headers: IncomingHttpHeaders): void {
    const host = headers.host?.toLowerCase() ?? '';
    if (this.isKnownHost(host)) return;
    throw new HostNotAllowedError(`This server does not answer to the name ${JSON.stringify(host.slice(0, 100))}.`, {
      remedy: 'Add the name to MUSTER_ALLOWED_HOSTS, or set MUSTER_PUBLIC_URL.',
    });
  }

  /** The page that sent a request with these headers may call what it asks for. To be told before its origin is looked at. */
  welcomeOrigin(headers: IncomingHttpHeaders): void {
    this.welcome.add(headers);
  }

  /**
   * Only browsers send an Origin; what changes something, and every upgrade, must come from a page of ours or an allowed one, and
   * so must whatever a browser sends our cookie with: a page on another port of this host is "same site" to it.
   * @throws OriginNotAllowedError
   */
  assertOrigin(headers: IncomingHttpHeaders, { method, isUpgrade = false, isCookie = false, host = headers.host }: OriginCheck): void {
    const { origin } = headers;
    if (origin !== undefined && (this.welcome.has(headers) || this.isAllowedOrigin(origin, host))) return;
    const isReading = SAFE_METHODS.includes(method) && !isUpgrade;
    if (isReading && !(isCookie && (origin !== undefined || isOfAnotherSite(headers)))) return;
    if (origin === undefined && !isCookie) return;
    throw new OriginNotAllowedError(`A page of ${JSON.stringify((origin ?? 'no origin').slice(0, 100))} may not call this server.`, {
      remedy: 'Add the origin to MUSTER_CORS_ORIGINS if it is yours.',
    });
  }

  isAllowedOrigin(origin: string, host: string | undefined): boolean {
    if (origin === this.config.publicUrl || this.config.corsOrigins.includes(origin)) return true;
    return host !== undefined && this.isKnownHost(host.toLowerCase()) && (origin === `http://${host}` || origin === `https://${host}`);
  }

  private isKnownHost(host: string): boolean {
    const name = host.replace(/:\d+$/, '');
    return isLoopback(name) || this.hosts.has(name);
  }
}

/** A page elsewhere embeds or fetches it (Fetch Metadata); to follow a link to here is fine. */
const isOfAnotherSite = (headers: IncomingHttpHeaders): boolean =>
  (headers['sec-fetch-site'] === 'cross-site' || headers['sec-fetch-site'] === 'same-site') && headers['sec-fetch-mode'] !== 'navigate';
