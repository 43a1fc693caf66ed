import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback, MusterConfig } from '../config/muster-config.js';
import { HostNotAllowedError, OriginNotAllowedError } from './auth.errors.js';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** Which names this server answers to, and from which pages a browser may call it. */
@Injectable()
export class EdgeRules {
  private readonly hosts: ReadonlySet<string>;

  constructor(private readonly config: MusterConfig) {
    const own = [config.host, ...(config.publicUrl ? [new URL(config.publicUrl).hostname] : []), ...config.allowedHosts];
    this.hosts = new Set(own.map((each) => each.toLowerCase()));
  }

  /** @throws HostNotAllowedError: a page that had its name pointed at this address (DNS rebinding) names itself here */
  assertHost(headers: IncomingHttpHeaders): void {
    const host = headers.host?.toLowerCase() ?? '';
    const name = host.replace(/:\d+$/, '');
    if (isLoopback(name) || this.hosts.has(name)) return;
    throw new HostNotAllowedError(`This server does not answer to the name ${JSON.stringify(host.slice(0, 100))}.`, {
      remedy: 'Add the name to MUSTER_ALLOWED_HOSTS, or set MUSTER_PUBLIC_URL.',
    });
  }

  /**
   * Only browsers send an Origin; what changes something, and every upgrade, must come from a page of ours or an allowed one.
   * @throws OriginNotAllowedError
   */
  assertOrigin(
    headers: IncomingHttpHeaders,
    { method, isUpgrade = false, isCookie = false }: { method: string; isUpgrade?: boolean; isCookie?: boolean },
  ): void {
    if (SAFE_METHODS.includes(method) && !isUpgrade) return;
    const { origin } = headers;
    if (origin === undefined && !isCookie) return;
    if (origin !== undefined && this.isAllowedOrigin(origin, headers.host)) return;
    throw new OriginNotAllowedError(`A page of ${JSON.stringify((origin ?? 'no origin').slice(0, 100))} may not call this server.`, {
      remedy: 'Add the origin to MUSTER_CORS_ORIGINS if it is yours.',
    });
  }

  isAllowedOrigin(origin: string, host: string | undefined): boolean {
    if (origin === this.config.publicUrl || this.config.corsOrigins.includes(origin)) return true;
    return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
  }
}
