import { type CanActivate, Controller, type ExecutionContext, Get, Injectable, Module, UnauthorizedException } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import BetterSqlite3 from 'better-sqlite3';
import { type DomainEvent, MusterModule, OnDomainEvent, SessionCreation, SessionsService, SYSTEM } from '../../src/index.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

@Injectable()
class HostGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    if (!request.url.startsWith('/api/') && request.headers['x-host-pass'] !== 'yes') throw new UnauthorizedException('the host says no');
    return true;
  }
}

@Catch(UnauthorizedException)
class HostFilter implements ExceptionFilter {
  catch(error: UnauthorizedException, host: ArgumentsHost): void {
    host.switchToHttp().getResponse().status(401).json({ host: error.message });
  }
}

@Controller('orders')
class OrdersController {
  @Get()
  list(): object {
    return { orders: [] };
  }
}

@Injectable()
class HostService {
  readonly heard: DomainEvent[] = [];
  readonly own: unknown[] = [];
  readonly database = new BetterSqlite3(':memory:');

  constructor(
    readonly sessions: SessionsService,
    readonly creation: SessionCreation,
    readonly emitter: EventEmitter2,
  ) {}

  @OnDomainEvent('session.created')
  onSession(event: DomainEvent<'session.created'>): void {
    this.heard.push(event);
  }

  @OnEvent('session.created')
  onOwn(event: unknown): void {
    this.own.push(event);
  }
}

describe.each(DIALECTS)('a foreign Nest application that imports Muster, on %s', (dialect) => {
  it('keeps its own routes, guards, filters, database and events, uses the services and hears domain events', async () => {
    const database = await createDatabase(dialect);
    @Module({
      imports: [EventEmitterModule.forRoot({ wildcard: false }), MusterModule.forRoot({ environment: database.environment })],
      controllers: [OrdersController],
      providers: [HostService, { provide: APP_GUARD, useClass: HostGuard }, { provide: APP_FILTER, useClass: HostFilter }],
    })
    class HostModule {}
    const app = await NestFactory.create(HostModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    try {
      const fetchJson = async (path: string, init: RequestInit = {}) => {
        const response = await fetch(url + path, init);
        return { status: response.status, body: await response.json() };
      };
      expect(await fetchJson('/orders')).toEqual({ status: 401, body: { host: 'the host says no' } });
      expect(await fetchJson('/orders', { headers: { 'x-host-pass': 'yes' } })).toEqual({ status: 200, body: { orders: [] } });
      expect(await fetchJson('/api/sessions')).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(await fetchJson('/api/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
      expect(await fetchJson('/nothing', { headers: { 'x-host-pass': 'yes' } })).toMatchObject({ status: 404, body: { statusCode: 404 } });

      const host = app.get(HostService);
      const { session } = await host.creation.create(SYSTEM, { runtime: 'external', agentName: 'host' });
      expect((await host.sessions.get(SYSTEM, session.id)).session.status).toBe('running');
      await eventually(() => host.heard.length > 0);
      expect(host.heard).toMatchObject([{ name: 'session.created', sessionId: session.id, actor: 'system' }]);
      expect(host.own).toEqual([]);
      host.emitter.emit('session.created', { mine: true });
      expect(host.own).toEqual([{ mine: true }]);
      expect(host.heard).toHaveLength(1);
      expect(host.database.prepare('select 1 as one').get()).toEqual({ one: 1 });
    } finally {
      await app.close();
      await database.drop();
    }
  }, 60_000);
});
