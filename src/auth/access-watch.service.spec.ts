import { eventually } from '../../test/support/eventually.js';
import { Clock } from '../core/clock.js';
import { AccessWatch } from './access-watch.service.js';
import { UnauthenticatedError } from './auth.errors.js';
import type { LiveAccess } from './live-access.state.js';
import type { Principal } from './principal.types.js';

const user = (id: string, more: Partial<Principal> = {}): Principal => ({
  id,
  kind: 'user',
  name: id,
  keyId: `key of ${id}`,
  roles: new Map(),
  ...more,
});

describe('AccessWatch', () => {
  const setUp = () => {
    let announce: (event: any) => void = () => undefined;
    const bus: any = { subscribe: (handler: (event: any) => void) => ((announce = handler), () => undefined) };
    const looks: { principal: Principal; answer: (now: Principal | null) => void; fail: (error: Error) => void }[] = [];
    const outdated = new Set<Principal>();
    const authenticator: any = {
      refreshed: (principal: Principal) => new Promise((answer, fail) => looks.push({ principal, answer, fail })),
      isOutdated: (principal: Principal) => outdated.has(principal),
    };
    const watch = new AccessWatch(bus, authenticator, new Clock());
    watch.onModuleInit();
    const open = (principal: Principal) => {
      const told: string[] = [];
      const live: LiveAccess = watch.watch(principal, {
        held: (deleted) => void told.push(deleted === undefined ? 'held' : `held ${deleted}`),
        changed: () => void told.push(`changed ${[...(live.principal.roles?.keys() ?? [])].join()}`),
        ended: (error) => void told.push(error.code),
      });
      return { live, told };
    };
    const removed = (principalId: string) => announce({ name: 'workspace.member-removed', data: { principalId, workspaceId: 'w' } });
    return { watch, looks, outdated, open, removed, announce: (event: any) => announce(event) };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('looks a credential up once, however much is open with it and however often it changes in a turn', async () => {
    const { looks, open, removed } = setUp();
    const ada = Array.from({ length: 500 }, () => open(user('ada')));
    const bob = open(user('bob'));
    removed('ada');
    expect(ada.every(({ live, told }) => live.isHeld && told.join() === 'held')).toBe(true);
    removed('ada');
    await turn();
    expect(looks.map(({ principal }) => principal.id)).toEqual(['ada']);
    looks[0]?.answer(user('ada', { roles: new Map([['x', 'viewer']]) }));
    await turn();
    expect(ada.every(({ live, told }) => !live.isHeld && told.at(-1) === 'changed x')).toBe(true);
    expect(bob.told).toEqual([]);
    expect(looks).toHaveLength(1);
  });

  it('stays held where it changes again while it is looked up', async () => {
    const { looks, open, removed } = setUp();
    const { live, told } = open(user('ada'));
    removed('ada');
    await turn();
    removed('ada');
    looks[0]?.answer(user('ada', { roles: new Map([['old', 'viewer']]) }));
    await turn();
    expect([live.isHeld, told]).toEqual([true, ['held', 'held']]);
    await eventually(() => looks.length === 2);
    looks[1]?.answer(user('ada', { roles: new Map([['new', 'viewer']]) }));
    await turn();
    expect(told.at(-1)).toBe('changed new');
  });

  it('asks for at most eight at a time', async () => {
    const { looks, open, announce } = setUp();
    const all = Array.from({ length: 30 }, (_, at) => open(user(`u${at}`)));
    announce({ name: 'workspace.deleted', workspaceId: 'w', data: {} });
    expect(all.every(({ told }) => told.join() === 'held w')).toBe(true);
    for (let done = 0; done < 30;) {
      await eventually(() => looks.length > done);
      expect(looks.length - done).toBeLessThanOrEqual(8);
      for (; done < looks.length; done++) looks[done]?.answer(user(`u${done}`));
    }
    await turn();
    expect(all.every(({ live }) => !live.isHeld)).toBe(true);
  });

  it('ends what has no credential any more, and what nobody can tell of', async () => {
    const { looks, open, announce, watch } = setUp();
    const [gone, unknown, other] = [open(user('gone')), open(user('unknown')), open(user('other'))];
    announce({ name: 'key.revoked', data: { keyId: 'key of gone' } });
    announce({ name: 'key.rotated', data: { keyId: 'key of unknown' } });
    announce({ name: 'key.created', data: { keyId: 'key of other' } });
    await turn();
    looks[0]?.answer(null);
    looks[1]?.fail(new Error('no database'));
    await turn();
    expect([gone.told, unknown.told, other.told]).toEqual([['held', 'unauthenticated'], ['held', 'unavailable'], []]);
    await expect(gone.live.settled()).rejects.toBeInstanceOf(UnauthenticatedError);
    expect(watch.watched).toBe(1);
  });

  it('looks again at who was looked up before something changed', async () => {
    const { looks, outdated, open } = setUp();
    const ada = user('ada');
    outdated.add(ada);
    const { live, told } = open(ada);
    expect(told).toEqual(['held']);
    const found = live.lookUp(
      (principal) => Promise.resolve(principal.roles?.get('w')),
      (role) => role,
    );
    await turn();
    looks[0]?.answer(user('ada', { roles: new Map([['w', 'viewer']]) }));
    expect(await found).toBe('viewer');
  });

  it('uses what was looked up only where nothing has changed meanwhile', async () => {
    const { looks, open, removed } = setUp();
    const { live } = open(user('ada', { roles: new Map([['w', 'viewer']]) }));
    const dropped: string[] = [];
    const answers: (() => void)[] = [];
    const found = live.lookUp(
      (principal) => new Promise<string>((resolve) => answers.push(() => resolve([...(principal.roles?.keys() ?? [])].join()))),
      (roles) => `used ${roles}`,
      (roles) => dropped.push(roles),
    );
    await eventually(() => answers.length === 1);
    removed('ada');
    answers[0]?.();
    await turn();
    looks[0]?.answer(user('ada'));
    await eventually(() => answers.length === 2);
    answers[1]?.();
    expect([await found, dropped]).toEqual(['used ', ['w']]);
  });

  it('looks when a credential ends by time, also where that is far away', async () => {
    const { looks, open, watch } = setUp();
    const soon = open(user('soon', { validUntil: new Date(Date.now() + 50).toISOString() }));
    const late = open(user('late', { validUntil: '9999-12-31T00:00:00.000Z' }));
    await eventually(() => looks.length > 0);
    looks[0]?.answer(null);
    await eventually(() => soon.told.includes('unauthenticated'));
    expect([looks.length, late.told]).toEqual([1, []]);
    late.live.close();
    expect(watch.watched).toBe(0);
    watch.onModuleDestroy();
  });
});
