import { Injectable } from '@nestjs/common';
import { Database } from '../../src/core/database/database.js';
import { OnOutboxEvent } from '../../src/core/database/outbox-dispatcher.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import type { DomainEvent } from '../../src/core/event-bus/domain-event.types.js';
import { EventBus } from '../../src/core/event-bus/event-bus.js';
import { requestContext } from '../../src/core/http/request-context.js';
import { newId } from '../../src/core/ids.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import '../../src/workspaces/workspace.domain-events.js';
import { eventually } from '../support/eventually.js';
import { DIALECTS } from '../support/databases.js';
import { startKernel } from '../support/kernel.js';

const current = () => requestContext.getStore()?.requestId ?? null;
const asRequest = <T>(requestId: string, work: () => T): T => requestContext.run({ requestId }, work);

@Injectable()
class Listener {
  readonly heard = new Map<string, string | null>();

  @OnOutboxEvent('workspace.created', { listener: 'request-context' })
  async on({ data }: DomainEvent<'workspace.created'>): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.heard.set(data.workspaceId, current());
  }
}

/** An id of a request in the log or the audit says: because of that request. What serves many must not carry the id of one. */
describe.each(DIALECTS)('the request under way, on %s,', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let unit: UnitOfWork;
  let log: EventLog;
  let listener: Listener;
  beforeAll(async () => {
    kernel = await startKernel(dialect, [EventLogModule], [Listener]);
    unit = kernel.module.get(UnitOfWork);
    log = kernel.module.get(EventLog);
    listener = kernel.module.get(Listener);
  });
  afterAll(() => kernel.stop());

  const create = (workspaceId: string) =>
    unit.run(async (work) => work.emit('workspace.created', { actor: 'test' }, { workspaceId, name: 'n', path: '/p' }));

  it('is stored with what it causes, and is not that of whoever hears of it', async () => {
    const heard: (string | null)[] = [];
    const stop = kernel.module.get(EventBus).subscribe(() => heard.push(current()));
    const effects: (string | null)[] = [];
    await Promise.all([
      asRequest('request-a', () => create('a')),
      create('none'),
      asRequest('request-b', () => unit.run(async (work) => work.afterCommit(() => effects.push(current())))),
    ]);
    stop();
    expect([heard, effects]).toEqual([[null, null], [null]]);
    const rows = await kernel.module
      .get(Database)
      .query<{ payload: string; request_id: string | null }>('select payload, request_id from outbox');
    expect(new Map(rows.map((row) => [JSON.parse(row.payload).workspaceId, row.request_id]))).toEqual(
      new Map([
        ['a', 'request-a'],
        ['none', null],
      ]),
    );
  });

  it('of an event is that of its listeners with effects, and of no other event', async () => {
    await asRequest('request-1', () => Promise.all([create('e1'), asRequest('request-2', () => create('e2'))]));
    await create('e3');
    await eventually(() => listener.heard.has('e3'));
    expect(['e1', 'e2', 'e3'].map((id) => listener.heard.get(id))).toEqual(['request-1', 'request-2', null]);
  });

  it('is not that of a flush, which stores for many', async () => {
    const seen: (string | null)[] = [];
    log.addProjection(async (_work, growths) => growths.forEach(() => seen.push(current())));
    const sessions = [newId(), newId()];
    for (const id of sessions) await unit.run((work) => log.open(work, id));
    const append = (id: string) => log.append(id, [{ type: 'log', source: 'api', actor: 'test', payload: { level: 'info', text: 'x' } }]);
    await Promise.all(sessions.map((id) => asRequest(`request-of-${id}`, () => append(id))));
    expect(seen).toEqual([null, null]);
  });
});
