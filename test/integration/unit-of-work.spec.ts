import { Injectable } from '@nestjs/common';
import { Database } from '../../src/core/database/database.js';
import { Outbox } from '../../src/core/database/outbox.js';
import { OnOutboxEvent } from '../../src/core/database/outbox-dispatcher.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import type { DomainEvent } from '../../src/core/event-bus/domain-event.types.js';
import { EventBus } from '../../src/core/event-bus/event-bus.js';
import { newId } from '../../src/core/ids.js';
import { ListenerCursorEntity } from '../../src/core/database/outbox.entity.js';
import '../../src/workspaces/workspace.domain-events.js';
import { eventually } from '../support/eventually.js';
import { DIALECTS } from '../support/databases.js';
import { startKernel } from '../support/kernel.js';

@Injectable()
class Recorder {
  readonly heard: DomainEvent[] = [];
  failuresLeft = 0;

  @OnOutboxEvent('workspace.created', { listener: 'recorder' })
  on(event: DomainEvent<'workspace.created'>): void {
    if (this.failuresLeft-- > 0) throw new Error('not yet');
    this.heard.push(event);
  }
}

const subject = { actor: 'test' };

describe.each(DIALECTS)('units of work on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let unit: UnitOfWork;
  let db: Database;
  let outbox: Outbox;
  let recorder: Recorder;
  const announced: DomainEvent[] = [];

  beforeAll(async () => {
    kernel = await startKernel(dialect, [], [Recorder]);
    unit = kernel.module.get(UnitOfWork);
    db = kernel.module.get(Database);
    outbox = kernel.module.get(Outbox);
    recorder = kernel.module.get(Recorder);
    kernel.module.get(EventBus).subscribe((event) => announced.push(event));
  });
  afterAll(() => kernel.stop());

  const insert = (workspaceId: string) =>
    db.workOrFail.query('insert into workspace_members (workspace_id, principal_id, role, created_at) values (?, ?, ?, ?)', [
      workspaceId,
      'p',
      'owner',
      '2026-01-01T00:00:00.000Z',
    ]);
  const stored = async () => (await db.query<{ id: string }>('select workspace_id as id from workspace_members')).map(({ id }) => id);

  it('200 at once, half of which roll back: nothing of a failed one is seen or announced, nothing of a good one is lost', async () => {
    const seenBefore = announced.length;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, (_, index) =>
        unit.run(async (work) => {
          const id = `${index % 2 ? 'bad' : 'good'}-${index}`;
          await insert(id);
          work.emit('workspace.created', subject, { workspaceId: id, name: id, path: '/p' });
          await db.query('select 1 as one');
          if (index % 2) throw new Error(`rolls back ${index}`);
          return id;
        }),
      ),
    );
    const good = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(good).toHaveLength(100);
    expect((await stored()).sort()).toEqual([...good].sort());
    const events = announced.slice(seenBefore);
    expect(events.map(({ data }) => ('workspaceId' in data ? data.workspaceId : '')).sort()).toEqual([...good].sort());
    const feed = await outbox.read(0, 1_000);
    expect(feed.map(({ position }) => position)).toEqual(feed.map((_, index) => index + 1));
    expect(feed).toHaveLength(100);
    await eventually(
      () => recorder.heard.length,
      (count) => count === 100,
    );
    expect(recorder.heard.map(({ position }) => position)).toEqual(feed.map(({ position }) => position));
  });

  it('a run inside a run joins it: the inner failure undoes both', async () => {
    const id = newId();
    await expect(
      unit.run(async () => {
        await insert(id);
        await unit.run(async () => Promise.reject(new Error('inner')));
      }),
    ).rejects.toThrow('inner');
    expect(await stored()).not.toContain(id);
  });

  it('reads its own writes inside, and nobody else sees them before the commit', async () => {
    const id = newId();
    await unit.run(async () => {
      await insert(id);
      expect(await stored()).toContain(id);
      const outside = await db.current.exit(() => stored());
      expect(outside).not.toContain(id);
    });
    expect(await stored()).toContain(id);
  });

  it('refuses a write outside', () => {
    expect(() => db.writing(ListenerCursorEntity)).toThrow('outside of UnitOfWork.run');
  });

  it('announces after the turn is given back: a listener may write', async () => {
    const id = newId();
    const written = new Promise<void>((resolve, reject) => {
      const stop = kernel.module.get(EventBus).subscribe(() => {
        stop();
        unit.run(() => insert(`${id}-by-listener`)).then(() => resolve(), reject);
      });
    });
    await unit.run(async (work) => {
      await insert(id);
      work.emit('workspace.deleted', subject, { workspaceId: id, name: id, path: '/p' });
    });
    await written;
    expect(await stored()).toEqual(expect.arrayContaining([id, `${id}-by-listener`]));
  });

  it('feeds a listener that fails again, in order, and moves its cursor only past what it has done', async () => {
    const from = recorder.heard.length;
    recorder.failuresLeft = 2;
    for (const id of ['one', 'two'])
      await unit.run(async (work) => work.emit('workspace.created', subject, { workspaceId: id, name: id, path: '/p' }));
    await eventually(
      () => recorder.heard.length,
      (count) => count === from + 2,
    );
    expect(recorder.heard.slice(from).map(({ data }) => ('name' in data ? data.name : ''))).toEqual(['one', 'two']);
    const last = (await outbox.head()).position;
    await eventually(
      async () =>
        Number((await db.query<{ position: number }>("select position from listener_cursors where listener = 'recorder'"))[0]?.position),
      (position) => position === last,
    );
  });

  describe('around a handler', () => {
    const rowsOf = async (prefix: string) => (await stored()).filter((id) => id.startsWith(prefix)).sort();

    it('commits what the handler did together with what is written last, and announces it after', async () => {
      const prefix = newId();
      const seenBefore = announced.length;
      const result = await unit.around(
        async () => {
          const made = await unit.run(async (work) => {
            await insert(`${prefix}-made`);
            work.emit('workspace.created', subject, { workspaceId: prefix, name: prefix, path: '/p' });
            return 'made';
          });
          // Still open: seen from here, and by nobody else.
          expect(await rowsOf(prefix)).toEqual([`${prefix}-made`]);
          expect(await db.span.exit(() => rowsOf(prefix))).toEqual([]);
          expect(announced.length).toBe(seenBefore);
          await unit.run(() => insert(`${prefix}-more`));
          return made;
        },
        async (made) => void (await insert(`${prefix}-last-${made}`)),
      );
      expect(result).toBe('made');
      expect(await rowsOf(prefix)).toEqual([`${prefix}-last-made`, `${prefix}-made`, `${prefix}-more`]);
      expect(announced.slice(seenBefore).map(({ data }) => ('workspaceId' in data ? data.workspaceId : ''))).toEqual([prefix]);
    });

    it.each(['the handler', 'the last write'])('undoes everything where %s fails', async (who) => {
      const prefix = newId();
      const failing = unit.around(
        async () => {
          await unit.run(() => insert(`${prefix}-made`));
          if (who === 'the handler') throw new Error(`no: ${who}`);
        },
        async () => {
          await insert(`${prefix}-last`);
          throw new Error(`no: ${who}`);
        },
      );
      await expect(failing).rejects.toThrow(`no: ${who}`);
      expect(await rowsOf(prefix)).toEqual([]);
      await unit.run(() => insert(`${prefix}-after`));
      expect(await rowsOf(prefix)).toEqual([`${prefix}-after`]);
    });

    it('lets the handler look at what stood in its way, and begin anew', async () => {
      const prefix = newId();
      await unit.around(
        async () => {
          await expect(
            unit.run(async () => {
              await insert(`${prefix}-undone`);
              await insert(`${prefix}-undone`);
            }),
          ).rejects.toThrow();
          expect(await rowsOf(prefix)).toEqual([]);
          await unit.run(() => insert(`${prefix}-anew`));
        },
        async () => void (await insert(`${prefix}-last`)),
      );
      expect(await rowsOf(prefix)).toEqual([`${prefix}-anew`, `${prefix}-last`]);
    });

    it('takes several at once into one, and writes last where there was none', async () => {
      const prefix = newId();
      await unit.around(
        () => Promise.all(['a', 'b', 'c'].map((each) => unit.run(() => insert(`${prefix}-${each}`)))),
        async () => void (await insert(`${prefix}-last`)),
      );
      expect(await rowsOf(prefix)).toHaveLength(4);
      await unit.around(
        async () => undefined,
        async () => void (await insert(`${prefix}-alone`)),
      );
      expect(await rowsOf(prefix)).toHaveLength(5);
      await unit.around(
        async () => expect(unit.run(() => insert(`${prefix}-alone`))).rejects.toThrow(),
        async () => void (await insert(`${prefix}-after-a-failure`)),
      );
      expect(await rowsOf(prefix)).toHaveLength(6);
    });

    it('50 at once, half of which fail', async () => {
      const prefix = newId();
      await Promise.allSettled(
        Array.from({ length: 50 }, (_, index) =>
          unit.around(
            () => unit.run(() => insert(`${prefix}-${index}`)),
            async () => {
              if (index % 2) throw new Error('no');
              await insert(`${prefix}-${index}-last`);
            },
          ),
        ),
      );
      expect(await rowsOf(prefix)).toHaveLength(50);
      await unit.settled();
    });
  });
});
