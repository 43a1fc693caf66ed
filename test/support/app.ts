import type { Type } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dialect } from '../../src/core/database/dialect.js';
import { startServer } from '../../src/server.js';
import { NO_LIMITS } from './limits.js';
import { createDatabase, type TestDatabase } from './databases.js';

export interface Answer<T = any> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly raw?: string | Buffer;
  readonly headers?: Record<string, string>;
  /** Another key than the admin's; `null` sends none. */
  readonly key?: string | null;
}

/** A whole server in this process, over a real port and a real database. */
export class TestApp {
  private constructor(
    readonly app: NestExpressApplication,
    readonly url: string,
    readonly key: string,
    readonly database: TestDatabase,
    private readonly ownsDatabase: boolean,
  ) {}

  /** Close it in `afterAll`. With `database`, that one is used and left for the next. */
  static async start(dialect: Dialect, environment: Record<string, string> = {}, database?: TestDatabase): Promise<TestApp> {
    const used = database ?? (await createDatabase(dialect));
    const { app, url } = await startServer(
      {
        PATH: process.env.PATH,
        HOME: used.dataDir,
        MUSTER_PORT: '0',
        MUSTER_LOG_LEVEL: 'silent',
        // A test that wants its agents to outlive the server says so.
        MUSTER_AGENTS_ON_SHUTDOWN: 'stop',
        ...NO_LIMITS,
        ...used.environment,
        ...environment,
      },
      false,
    );
    const key = readFileSync(join(used.dataDir, 'admin.key'), 'utf8').trim();
    return new TestApp(app, url, key, used, database === undefined);
  }

  get<T>(type: Type<T>): T {
    return this.app.get(type, { strict: false });
  }

  async call<T = any>(method: string, path: string, { body, raw, headers = {}, key = this.key }: CallOptions = {}): Promise<Answer<T>> {
    const hasBody = body !== undefined || raw !== undefined;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) : text, headers: response.headers };
  }

  async close(): Promise<void> {
    await this.app.close();
    if (this.ownsDatabase) await this.database.drop();
  }
}
