import { NestFactory } from '@nestjs/core';
import { ModulesContainer } from '@nestjs/core/injector/modules-container.js';
import type { INestApplication } from '@nestjs/common';
import { RequestMethod } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { ROUTE_PERMISSION } from '../../src/auth/route.types.js';
import { Keys } from '../../src/auth/keys.service.js';
import { AccessGuard } from '../../src/auth/access.guard.js';
import type { Dialect } from '../../src/core/database/dialect.js';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { Commands } from '../../src/realtime/gateway/commands.service.js';
import { TestApp } from '../support/app.js';

/** A handler of the application: what its decorators say. */
export interface Handler {
  readonly name: string;
  readonly method: string;
  /** As the documents write it: `/api/sessions/{id}`. */
  readonly path: string;
  readonly permission: string | undefined;
  readonly isGuarded: boolean;
}

/**
 * A whole server that counts: how often a handler of a controller or a command of the WebSocket ran, and how often something was
 * about to be written. Whatever controllers there are is found by itself, so that a new one is counted too.
 */
export class CountedApp {
  private constructor(
    readonly app: TestApp,
    readonly handlers: readonly Handler[],
    private readonly counts: { handled: string[]; units: number },
  ) {}

  static async start(dialect: Dialect, environment: Record<string, string> = {}): Promise<CountedApp> {
    const counts = { handled: [] as string[], units: 0 };
    const handlers: Handler[] = [];
    const create = NestFactory.create.bind(NestFactory) as (...args: unknown[]) => Promise<INestApplication>;
    const spy = jest.spyOn(NestFactory, 'create').mockImplementation((async (...args: unknown[]) => {
      const nest = await create(...args);
      handlers.push(...countControllers(nest, counts.handled));
      countCommands(nest.get(Commands, { strict: false }), counts.handled);
      return nest;
    }) as never);
    try {
      const app = await TestApp.start(dialect, environment);
      // When keys were last used is written now and then, on behalf of no request.
      const keys: any = app.get(Keys);
      keys.noteUses = async () => undefined;
      const unit = app.get(UnitOfWork);
      const run = unit.run.bind(unit);
      unit.run = (work) => {
        counts.units += 1;
        return run(work);
      };
      return new CountedApp(app, handlers, counts);
    } finally {
      spy.mockRestore();
    }
  }

  get url(): string {
    return this.app.url;
  }

  /** What ran, and how many units of work were begun, while `act` was under way. */
  async during<T>(act: () => Promise<T>): Promise<{ result: T; ran: string[]; units: number }> {
    const { handled } = this.counts;
    const from = handled.length;
    const units = this.counts.units;
    const result = await act();
    return { result, ran: handled.slice(from), units: this.counts.units - units };
  }

  /** A digest of each table. Left out is what follows by itself: when a key was last used, and how far listeners have read. */
  async tables(): Promise<Record<string, string>> {
    const db = this.app.get(Database);
    const names: { name: string }[] = await db.query(
      db.dialect === 'sqlite'
        ? "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
        : "select table_name as name from information_schema.tables where table_schema = 'public' order by table_name",
    );
    const digests: [string, string][] = [];
    for (const { name } of names.filter((each) => each.name !== 'listener_cursors')) {
      const rows: Record<string, unknown>[] = await db.query(`select * from ${name}`);
      const texts = rows.map(({ last_used_at: _, ...row }) => JSON.stringify(row)).sort();
      digests.push([name, `${rows.length} ${createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 16)}`]);
    }
    return Object.fromEntries(digests);
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

/** Puts a counter before every handler of every controller, with the decorations of the handler: before routes are made of them. */
function countControllers(nest: INestApplication, handled: string[]): Handler[] {
  const found: Handler[] = [];
  for (const module of nest.get(ModulesContainer, { strict: false }).values())
    for (const { instance, metatype } of module.controllers.values()) {
      if (!instance || !metatype) continue;
      const controller = instance as Record<string, (...args: unknown[]) => unknown>;
      const base = String(Reflect.getMetadata('path', metatype));
      const guards: unknown[] = Reflect.getMetadata('__guards__', metatype) ?? [];
      const prototype = Object.getPrototypeOf(controller);
      for (const name of Object.getOwnPropertyNames(prototype).filter((each) => each !== 'constructor')) {
        const handler = prototype[name];
        const path: unknown = typeof handler === 'function' ? Reflect.getMetadata('path', handler) : undefined;
        if (typeof path !== 'string') continue;
        const label = `${metatype.name}.${name}`;
        const counted = function (this: unknown, ...args: unknown[]): unknown {
          handled.push(label);
          return handler.apply(this, args);
        };
        for (const key of Reflect.getMetadataKeys(handler)) Reflect.defineMetadata(key, Reflect.getMetadata(key, handler), counted);
        Object.defineProperty(counted, 'name', { value: name });
        controller[name] = counted;
        found.push({
          name: label,
          method: RequestMethod[Reflect.getMetadata('method', handler) as number] ?? '?',
          path: documentedPath(base, path),
          permission: Reflect.getMetadata(ROUTE_PERMISSION, handler),
          isGuarded: guards.includes(AccessGuard),
        });
      }
    }
  return found;
}

/** Counts a command where its frame is looked at, and where it is carried out. */
function countCommands(commands: Commands, handled: string[]): void {
  const find = commands.find.bind(commands);
  commands.find = (type) => {
    const command = find(type);
    if (!command) return undefined;
    return {
      spec: command.spec,
      prepare: async (fields) => {
        handled.push(`frame ${type}`);
        return command.prepare(fields);
      },
    };
  };
}

const documentedPath = (base: string, path: string): string =>
  `/${base}/${path}`
    .replace(/\/+/g, '/')
    .replace(/(.)\/$/, '$1')
    .replace(/:(\w+)/g, '{$1}');
