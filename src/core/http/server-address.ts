import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../../config/muster-config.js';

/** Under which URL this server is reached. The configured one wins; else it is known once the server listens. */
@Injectable()
export class ServerAddress {
  private listening: string | undefined;

  constructor(private readonly config: MusterConfig) {}

  /** An origin, as in `http://127.0.0.1:4600`. Before the server listens it is made from the configuration. */
  get publicUrl(): string {
    return this.config.publicUrl ?? this.listening ?? urlOf(this.config.host, this.config.port);
  }

  /** Told by whoever made the server listen; needed where the port is drawn (`MUSTER_PORT=0`) or belongs to another application. */
  listensOn(host: string, port: number): void {
    this.listening = urlOf(host, port);
  }
}

/** An address that means "all of mine" can't be called: from here it is the loopback one. */
export function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
