import { randomUUID } from 'node:crypto';
import type { Dialect } from '../../src/core/database/dialect.js';
import { AO_SILENT, AoClient, aoEvent, type AoSocket } from './ao-client.js';
import { TestApp } from './app.js';
import { giveKey } from './principals.js';

/** A server, and somebody who sees only what the test makes and watches it over the WebSocket of the contract. */
export class AoWatch {
  private readonly open: AoSocket[] = [];

  private constructor(
    readonly app: TestApp,
    /** The admin. */
    readonly ao: AoClient,
    readonly own: AoClient,
  ) {}

  static async start(dialect: Dialect): Promise<AoWatch> {
    const app = await TestApp.start(dialect);
    const { secret } = await giveKey(app, { principalId: 'user:watcher' });
    return new AoWatch(app, AoClient.withKey(app.url, app.key), AoClient.withKey(app.url, secret));
  }

  async connect(client = this.own): Promise<AoSocket> {
    const socket = await client.socket();
    this.open.push(socket);
    return socket;
  }

  async make(fields: object = {}): Promise<any> {
    const id = randomUUID();
    return (await this.own.post('/sessions', { session_id: id, session_name: `name-of-${id}`, ...fields })).body.session;
  }

  async send(id: string, eventType: string, fields: object = {}) {
    const event = aoEvent(id, eventType, fields);
    expect((await this.own.post(`/sessions/${id}/events`, event)).body).toEqual({ ok: true });
    return event;
  }

  /** For `afterEach`: nobody watches any more, and nothing is there to be seen. */
  async clear(): Promise<void> {
    for (const { socket } of this.open.splice(0)) socket.terminate();
    for (const { session_id: id } of (await this.own.get('/sessions')).body.sessions) await this.own.call('DELETE', `/sessions/${id}`);
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

/** The frame that an event becomes: with everything, null where nothing was said. */
export const told = (event: object) => ({ type: 'event', data: { ...AO_SILENT, ...event } });
