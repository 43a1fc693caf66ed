import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Authenticator } from '../auth/authenticator.service.js';
import { credentialOf } from '../auth/access.guard.js';
import { EdgeRules } from '../auth/edge-rules.js';
import { COMPAT_SYSTEMS, type CompatSystem } from '../config/compat-config.js';
import { isLoopback } from '../config/loopback.js';
import { MusterConfig } from '../config/muster-config.js';
import { UpgradeDoor } from '../core/websocket/upgrade-door.service.js';

const PREFIX = '/compat/';
const BELOW = new RegExp(`^${PREFIX}(${COMPAT_SYSTEMS.join('|')})(?=[/?]|$)`);
/** The key stands between the prefix and the path of the contract. */
const KEY = /^\/key\/([^/?]+)(?=[/?]|$)/;
/** What only a proxy writes: whoever sends one speaks for somebody else. */
const FORWARDING = /^(forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip|x-forwarded(-.+)?)$/;

/**
 * The ways in for clients of other systems: they know no `/compat/<system>` and send no credentials. Each request is made one of ours
 * before anything else looks at it, so that all that holds for ours holds for them: hosts, origins, limits, permissions. No key
 * in a path gets past here.
 */
@Injectable()
export class CompatDoor implements OnModuleInit, OnApplicationBootstrap {
  /** Connections that came to the port of a contract. */
  private readonly native = new WeakMap<Socket, CompatSystem>();
  private readonly lent = new Map<CompatSystem, string>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly upgrades: UpgradeDoor,
    private readonly config: MusterConfig,
    private readonly edge: EdgeRules,
    authenticator: Authenticator,
  ) {
    for (const [system, principalId] of config.compat.trust) this.lent.set(system, authenticator.lend(principalId));
  }

  onModuleInit(): void {
    this.upgrades.addRewrite((request) => this.translate(request));
  }

  onApplicationBootstrap(): void {
    const server: unknown = this.host.httpAdapter?.getHttpServer();
    if (server instanceof EventEmitter) server.prependListener('request', (request: IncomingMessage) => this.translate(request));
  }

  /** Everything that comes over this connection is meant for this contract. */
  comesTo(socket: Socket, system: CompatSystem): void {
    this.native.set(socket, system);
  }

  private translate(request: IncomingMessage): void {
    const native = this.native.get(request.socket);
    const asked = relative(request.url ?? '/');
    const url = native === undefined ? asked : `${PREFIX}${native}${asked}`;
    const system = BELOW.exec(url)?.[1];
    const { headers } = request;
    if (!isSystem(system)) return;
    request.url = url;
    // These contracts know no cookies: one that a browser adds by itself counts for nothing.
    delete headers.cookie;
    if (headers.origin !== undefined && this.config.compat.origins.get(system)?.includes(headers.origin)) this.edge.welcomeOrigin(headers);
    const rest = url.slice(PREFIX.length + system.length);
    const key = KEY.exec(rest);
    if (key?.[1] !== undefined) {
      request.url = `${PREFIX}${system}${rest.slice(key[0].length)}`;
      this.present(request, decoded(key[1]));
    } else if (native !== undefined && isBare(request)) {
      const lent = this.lent.get(native);
      if (lent !== undefined) this.present(request, lent);
    }
  }

  private present({ headers }: IncomingMessage, credential: string): void {
    delete headers['x-api-key'];
    headers.authorization = `Bearer ${credential}`;
  }
}

const isSystem = (name: string | undefined): name is CompatSystem => COMPAT_SYSTEMS.some((each) => each === name);

/** No credentials, from this machine, and for nobody else. */
function isBare({ headers, socket, url = '' }: IncomingMessage): boolean {
  const { credential } = credentialOf(headers);
  if (credential !== undefined || headers.authorization !== undefined || /[?&]ticket=/.test(url)) return false;
  const peer = socket.remoteAddress?.replace(/^::ffff:/i, '') ?? '';
  return isLoopback(peer) && !Object.keys(headers).some((name) => FORWARDING.test(name));
}

/** The path of a request line, which may be a whole URL. */
function relative(url: string): string {
  if (url.startsWith('/')) return url;
  if (!URL.canParse(url)) return '/';
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
