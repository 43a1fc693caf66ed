import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { type IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import proxyAddr from 'proxy-addr';
import { MusterConfig } from '../config/muster-config.js';

/** Where no address is known, as of a socket that is gone. */
const UNKNOWN = 'unknown';

/** Who is at the other end of a connection. Only a trusted proxy (`MUSTER_TRUSTED_PROXIES`) is believed about whom it speaks for. */
@Injectable()
export class ClientAddress {
  private readonly trust: ((address: string, hop: number) => boolean) | undefined;

  constructor({ trustedProxies }: MusterConfig) {
    this.trust = trustedProxies.length > 0 ? proxyAddr.compile([...trustedProxies]) : undefined;
  }

  /** The address to count by, of a request or an upgrade: an IPv4 address, or the /64 of an IPv6 one, which is what one household gets. */
  of(request: IncomingMessage): string {
    const peer = countedAs(request.socket.remoteAddress) ?? UNKNOWN;
    if (!this.trust) return peer;
    return countedAs(withoutPort(proxyAddr(request, this.trust))) ?? peer;
  }

  /** Whether an address is that of a trusted proxy. */
  isProxy(address: string | undefined): boolean {
    return address !== undefined && this.trust?.(address, 0) === true;
  }

  /** The host that the caller has named: to a trusted proxy, or to us. */
  hostOf({ headers, socket }: IncomingMessage): string | undefined {
    return (this.isProxy(socket.remoteAddress) ? lastOf(headers['x-forwarded-host']) : undefined) ?? headers.host;
  }

  /** Whether the caller came by TLS to a trusted proxy. */
  isSecure({ headers, socket }: IncomingMessage): boolean {
    return this.isProxy(socket.remoteAddress) && lastOf(headers['x-forwarded-proto'])?.toLowerCase() === 'https';
  }
}

/** An address as it is counted; undefined where it is none. */
export function countedAs(address: string | undefined): string | undefined {
  if (address === undefined || isIPv4(address)) return address;
  if (!ipaddr.IPv6.isValid(address)) return undefined;
  const parsed = ipaddr.IPv6.parse(address);
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  if (parsed.range() === 'loopback') return '::1';
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}

/** Some proxies write `203.0.113.7:49152` or `[2001:db8::1]:49152`. */
const withoutPort = (address: string): string =>
  /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(address)?.[1] ?? /^\[(.+)\](:\d+)?$/.exec(address)?.[1] ?? address;

/** What the nearest proxy has written; what stands before it may be anybody's. */
const lastOf = (header: string | readonly string[] | undefined): string | undefined =>
  (typeof header === 'string' ? header : header?.at(-1))?.split(',').at(-1)?.trim() || undefined;
