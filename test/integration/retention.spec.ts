import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { RetentionSweeper } from '../../src/sessions/retention-sweeper.service.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { seeded, SEED } from '../support/random.js';
import { makeWorkspace } from '../support/sessions.js';
import { SseClient } from '../support/sse-client.js';
import { WsClient } from '../support/ws-client.js';

const DAY_MS = 86_400_000;
const log = (text: string, more: object = {}) => ({ type: 'log', payload: { level: 'info', text }, ...more });
const turn = (state: string) => ({ type: 'turn', payload: { state } });

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly turn: number | null;
  readonly type: string;
  readonly hash: string;
  readonly payload: string | null;
  readonly recorded_at: string;
}

describe.each(DIALECTS)('retention on %s', (dialect) => {
  let app: TestApp;
  let names = 0;
  beforeAll(async () => void (app = await TestApp.start(dialect)));
  afterAll(() => app.close());

  const sql = <T extends object = any>(text: string, parameters: unknown[] = []): Promise<T[]> =>
    app.get(Database).query<T>(text, parameters);
  const write = (text: string, parameters: unknown[]) => app.get(UnitOfWork).run((work) => work.query(text, parameters));
  const sweep = () => app.get(RetentionSweeper).sweep();
  const workspace = async (retention: object | null) => {
    const made = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, `w${names++}`);
    const { status, body } = await app.call('PATCH', `/api/workspaces/${made.id}`, { body: { retention } });
    expect([status, body.retention]).toEqual([200, retention && { maxAgeDays: null, maxEvents: null, ...retention }]);
    return made;
  };
  const session = async (workspaceId?: string): Promise<string> => {
    const { status, body } = await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId } });
    expect(status).toBe(201);
    return body.id;
  };
  const append = async (id: string, events: object[]): Promise<any[]> => {
    const { status, body } = await app.call('POST', `/api/sessions/${id}/events`, { body: { events } });
    expect(status).toBeLessThan(300);
    expect(body.results.filter((each: any) => each.error)).toEqual([]);
    return body.results;
  };
  const rows = (id: string) =>
    sql<Row>('select seq, id, turn, type, hash, payload, recorded_at from session_events where session_id = ? order by seq', [id]);
  const head = async (id: string): Promise<{ epoch: string; earliest: number; last: number }> => {
    const [row] = await sql('select epoch, earliest_seq, last_seq from session_heads where session_id = ?', [id]);
    return { epoch: row.epoch, earliest: row.earliest_seq, last: row.last_seq };
  };
  /** Makes the first `count` events so many days old. */
  const age = (id: string, count: number, days: number) =>
    write('update session_events set recorded_at = ? where session_id = ? and seq <= ?', [
      new Date(Date.now() - days * DAY_MS).toISOString(),
      id,
      count,
    ]);
  /** 1 status, turn 1 (2 to 5), one between, turn 2 (7 to 10), with `tail` behind it. */
  const twoTurns = async (workspaceId?: string, tail: object[] = []) => {
    const id = await session(workspaceId);
    await append(id, [turn('started'), log('a', { id: 'a' }), log('b'), turn('completed')]);
    await append(id, [log('between'), turn('started'), log('c'), log('d'), turn('completed'), ...tail]);
    return id;
  };
  const openSeq = async (id: string, label: string): Promise<number> =>
    (await rows(id)).find(({ payload }) => payload?.includes(label))?.seq ?? -1;

  it('keeps everything where there is no rule', async () => {
    const { id: workspaceId } = await workspace(null);
    const [id, free] = [await twoTurns(workspaceId), await twoTurns()];
    await age(id, 1_000, 10_000);
    await age(free, 1_000, 10_000);
    await sweep();
    for (const each of [id, free]) expect((await rows(each)).every(({ payload }) => payload !== null)).toBe(true);
  });

  it('keeps by count, the newest, and only as far as turns have ended', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 6 });
    const id = await twoTurns(workspaceId, [log('tail'), log('tail 2')]);
    const before = await rows(id);
    await sweep();
    const after = await rows(id);
    const { earliest, last } = await head(id);
    expect(last).toBe(before.length);
    expect(earliest).toBe(last - 5);
    expect(after.map(({ payload }) => payload !== null)).toEqual(before.map(({ seq }) => seq >= earliest));
    const without = (each: Row) => ({ ...each, payload: undefined });
    expect(after.map(without)).toEqual(before.map(without));
  });

  it('keeps by age; what lies between turns that ended counts with them, what lies behind the last stays', async () => {
    const { id: workspaceId } = await workspace({ maxAgeDays: 30 });
    const [young, old] = [await twoTurns(workspaceId), await twoTurns(workspaceId, [log('behind')])];
    await age(young, 5, 29);
    await age(old, 1_000, 31);
    await sweep();
    expect((await head(young)).earliest).toBe(1);
    const behind = await openSeq(old, 'behind');
    // The event of the turn's end, and then what its session did because of it.
    const kept = (await rows(old)).filter(({ payload }) => payload !== null);
    expect(kept[0]?.seq).toBe((await head(old)).earliest);
    expect(kept.map(({ seq }) => seq)).toContain(behind);
    expect(kept.every(({ turn: number, type }) => number === null && type !== 'turn')).toBe(true);
  });

  it('never touches the turn under way, nor anything of a session that has had no turn', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 1 });
    const id = await twoTurns(workspaceId);
    await append(id, [turn('started'), ...Array.from({ length: 20 }, (_, n) => log(`open ${n}`))]);
    const turnless = await session(workspaceId);
    await append(turnless, [log('x'), log('y'), log('z')]);
    await sweep();
    const kept = (await rows(id)).filter(({ payload }) => payload !== null);
    expect(kept.filter(({ turn: number }) => number !== 3 && number !== null)).toEqual([]);
    expect(kept.filter(({ payload }) => payload?.includes('open'))).toHaveLength(20);
    expect((await head(turnless)).earliest).toBe(1);
    // A reporter may say that an event belongs to a turn that begins later only.
    const early = await session(workspaceId);
    await append(early, [turn('started'), log('a'), log('for the next', { turn: 2 }), turn('completed'), turn('started')]);
    await sweep();
    expect((await head(early)).earliest).toBe(await openSeq(early, 'for the next'));
    await append(id, [turn('completed')]);
    await sweep();
    expect((await rows(id)).filter(({ payload }) => payload?.includes('open'))).toHaveLength(0);
  });

  it('lets all of a session go that has ended, with its preview', async () => {
    const { id: workspaceId } = await workspace({ maxAgeDays: 1 });
    const id = await session(workspaceId);
    await append(id, [
      turn('started'),
      { type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text: 'never closed' }] } },
    ]);
    expect((await app.call('POST', `/api/sessions/${id}/stop`)).body.status).toBe('stopped');
    expect((await app.call('GET', `/api/sessions/${id}`)).body.lastMessagePreview).toBe('never closed');
    await age(id, 1_000, 2);
    await sweep();
    const { earliest, last } = await head(id);
    expect(earliest).toBe(last + 1);
    expect((await rows(id)).every(({ payload }) => payload === null)).toBe(true);
    expect((await app.call('GET', `/api/sessions/${id}`)).body.lastMessagePreview ?? null).toBeNull();
    const ws = await WsClient.connect(app.url, { key: app.key });
    await ws.request({ type: 'subscribe', sessionId: id });
    await ws.frame(({ type }) => type === 'end');
    expect(ws.events(id)).toEqual([]);
    await ws.close();
  });

  it('is told in the audit, and a repeated append of what is gone is still a duplicate', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 2 });
    const id = await twoTurns(workspaceId);
    const seq = await openSeq(id, '"a"');
    const { events } = await sweep();
    expect(events).toBeGreaterThan(0);
    const { earliest, last } = await head(id);
    expect(earliest).toBe(last - 1);
    const audit = (await app.call('GET', `/api/audit?sessionId=${id}&name=session.trimmed`)).body;
    expect(audit.items).toMatchObject([
      { action: 'session.trimmed', actor: 'system', workspaceId, after: { earliestSeq: earliest, events: earliest - 1 } },
    ]);
    expect(await append(id, [log('a', { id: 'a' })])).toEqual([{ id: 'a', seq, duplicate: true }]);
    const other = await app.call('POST', `/api/sessions/${id}/events`, { body: log('other', { id: 'a' }) });
    expect([other.status, other.body.code]).toEqual([409, 'event_conflict']);
    expect((await sweep()).events).toBe(0);
  });

  it('tells a cursor from before; the bare 0 and none begin with what is kept, on every transport', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 4 });
    const id = await twoTurns(workspaceId);
    await sweep();
    const { epoch, earliest, last } = await head(id);
    const at = (seq: number) => `${epoch}.${seq}`;
    const events = `/api/sessions/${id}/events`;
    const kept = Array.from({ length: last - earliest + 1 }, (_, n) => earliest + n);
    for (const query of ['', '?after=0', `?after=${at(earliest - 1)}`, `?before=${at(last)}`]) {
      const { status, body } = await app.call('GET', events + query);
      expect([query, status, body.items.map(({ seq }: any) => seq)]).toEqual([
        query,
        200,
        kept.filter((seq) => !/before/.test(query) || seq < last),
      ]);
      expect(body.previousCursor).toBeNull();
    }
    const none = (await app.call('GET', `${events}?before=0`)).body;
    expect(none).toMatchObject({ items: [], cursor: at(earliest - 1) });
    for (const stale of [`after=${at(earliest - 2)}`, `after=${at(0)}`, `before=${at(earliest - 2)}`]) {
      const { status, body } = await app.call('GET', `${events}?${stale}`);
      expect([stale, status, body.code, body.context?.earliest]).toEqual([stale, 409, 'resync_required', at(earliest - 1)]);
    }
    const ws = await WsClient.connect(app.url, { key: app.key });
    const refused = await ws.request({ type: 'subscribe', sessionId: id, after: at(earliest - 2) });
    expect(refused).toMatchObject({ type: 'resync_required', sessionId: id, earliest: at(earliest - 1) });
    await ws.request({ type: 'subscribe', sessionId: id });
    await ws.frame(({ type }) => type === 'caught_up');
    expect(ws.frames.find(({ type }) => type === 'snapshot')).toMatchObject({ earliest: at(earliest - 1), cursor: at(last) });
    expect(ws.events(id).map(({ seq }) => seq)).toEqual(kept);
    await ws.close();
    const sse = await SseClient.open(`${app.url}${events}/stream?after=0`, app.key);
    await sse.frame(({ type }) => type === 'caught_up');
    expect(sse.frames.flatMap((frame) => (frame.type === 'events' ? frame.events.map(({ seq }: any) => seq) : []))).toEqual(kept);
    sse.close();
  });

  it('sends a reader that is trimmed away from under resync_required, and one that is live nothing', async () => {
    const { id: workspaceId } = await workspace(null);
    const id = await session(workspaceId);
    await append(id, [turn('started')]);
    for (let n = 0; n < 5; n++)
      await append(
        id,
        Array.from({ length: 40 }, (_, index) => log(`${n}.${index} ${'x'.repeat(60_000)}`)),
      );
    await append(id, [turn('completed')]);
    const live = await WsClient.connect(app.url, { key: app.key });
    await live.request({ type: 'subscribe', sessionId: id });
    await live.frame(({ type }) => type === 'caught_up');
    // 12 MB are more than the sockets take: it stays somewhere in the middle.
    const behind = await WsClient.connect(app.url, { key: app.key });
    void behind.request({ type: 'subscribe', sessionId: id }).catch(() => undefined);
    await behind.frame(({ type }) => type === 'events');
    behind.pause();
    await app.call('PATCH', `/api/workspaces/${workspaceId}`, { body: { retention: { maxEvents: 1 } } });
    const { last } = await head(id);
    while ((await sweep()).events > 0);
    const { epoch, earliest } = await head(id);
    expect(earliest).toBeGreaterThan(200);
    behind.resume();
    const resync = await behind.frame(({ type }) => type === 'resync_required' || type === 'caught_up');
    expect(resync).toMatchObject({ type: 'resync_required', sessionId: id, earliest: `${epoch}.${earliest - 1}` });
    const seqs = behind.events(id).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    await append(id, [log('news')]);
    await live.until(() => live.events(id).at(-1)?.seq === last + 1 || live.events(id).length > last, 'the news');
    const heard = live.events(id).map(({ seq }) => seq);
    expect(heard).toEqual(heard.map((_, index) => index + 1));
    expect(live.frames.some(({ type }) => type === 'resync_required')).toBe(false);
    await Promise.all([live.close(), behind.close()]);
  });

  it('removes blobs that no kept event of any session holds, and only those', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 2 });
    const [id, other] = [await session(workspaceId), await session()];
    const [gone, kept, shared] = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
    const held = (blob?: string) => ({ type: 'my.big', payload: { text: { blob, size: 70_000, mimeType: 'text/plain' } } });
    await append(id, [
      turn('started'),
      held(gone),
      held(kept),
      held(shared),
      turn('completed'),
      turn('started'),
      held(kept),
      turn('completed'),
    ]);
    await append(other, [held(shared)]);
    const columns = (table: string) =>
      app
        .get(Database)
        .writer.getMetadata(table)
        .columns.map(({ databaseName }) => databaseName);
    const mime = columns('SessionBlobEntity').includes('mime_type');
    const bytes = Buffer.from('x');
    for (const blob of [gone, kept, shared])
      await write(
        mime
          ? 'insert into blobs (sha256, size, bytes) values (?, 1, ?)'
          : "insert into blobs (sha256, size, mime_type, bytes) values (?, 1, 't', ?)",
        [blob, bytes],
      );
    for (const [owner, blob] of [
      [id, gone],
      [id, kept],
      [id, shared],
      [other, shared],
    ])
      await write(
        mime
          ? "insert into session_blobs (session_id, sha256, mime_type) values (?, ?, 't')"
          : 'insert into session_blobs (session_id, sha256) values (?, ?)',
        [owner, blob],
      );
    // The last two events are the end of the turn and the status behind it: of what holds blobs nothing is kept but by an open turn.
    await append(id, [turn('started'), held(kept)]);
    await sweep();
    const links = await sql('select session_id, sha256 from session_blobs order by sha256, session_id');
    expect(links).toEqual([
      { session_id: id, sha256: kept },
      { session_id: other, sha256: shared },
    ]);
    expect(await sql('select sha256 from blobs order by sha256')).toEqual([{ sha256: kept }, { sha256: shared }]);
  });

  it('forgets the prompts of turns that are gone', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 1 });
    const id = await twoTurns(workspaceId);
    const input = 'insert into inputs (id, session_id, position, turn, state, content, "by", created_at) values (?, ?, ?, ?, ?, ?, ?, ?)';
    for (const [position, number, state] of [
      [1, 1, 'delivered'],
      [2, null, 'accepted'],
    ])
      await write(input, [
        `${id}-${position}`,
        id,
        position,
        number,
        state,
        '[{"type":"text","text":"secret"}]',
        'me',
        new Date().toISOString(),
      ]);
    await sweep();
    const contents = await sql('select content from inputs where session_id = ? order by position', [id]);
    expect(contents).toEqual([{ content: '[]' }, { content: '[{"type":"text","text":"secret"}]' }]);
  });

  it('refuses rules that are none', async () => {
    const { id } = await workspace(null);
    for (const retention of [
      { maxAgeDays: 0 },
      { maxEvents: -1 },
      { maxEvents: 1.5 },
      { maxDays: 1 },
      'forever',
      [],
      { maxAgeDays: '30' },
    ]) {
      const { status, body } = await app.call('PATCH', `/api/workspaces/${id}`, { body: { retention } });
      expect([retention, status, body.issues?.[0]?.path]).toEqual([retention, 400, 'retention']);
    }
  });

  it(`trims what a model says, whatever happens in which order (seed ${SEED})`, async () => {
    const random = seeded(SEED);
    const below = (n: number) => Math.floor(random() * n);
    for (let run = 0; run < (process.env.MUSTER_TEST_FULL ? 40 : 6); run++) {
      const rule = { maxAgeDays: random() < 0.6 ? 1 + below(4) : null, maxEvents: random() < 0.6 ? 1 + below(30) : null };
      const { id: workspaceId } = await workspace(rule);
      const id = await session(workspaceId);
      let isOpen = false;
      let isEnded = false;
      let earliest = 1;
      for (let step = 0; step < 8; step++) {
        for (let n = below(12); n > 0 && !isEnded; n--) {
          if (random() < 0.3) {
            isOpen = !isOpen;
            await append(id, [turn(isOpen ? 'started' : random() < 0.5 ? 'completed' : 'cancelled')]);
          } else await append(id, [log('x'.repeat(below(400)), random() < 0.3 ? { turn: 1 + below(4) } : {})]);
        }
        if (!isEnded && random() < 0.06) isEnded = (await app.call('POST', `/api/sessions/${id}/stop`)).status < 300;
        await age(id, below((await head(id)).last + 1), below(6));
        const before = await rows(id);
        earliest = Math.max(earliest, expectedEarliest(before, rule, isEnded, earliest));
        await sweep();
        const after = await rows(id);
        expect({ run, step, rule, earliest: (await head(id)).earliest }).toEqual({ run, step, rule, earliest });
        expect(after.map(({ payload }) => payload)).toEqual(before.map(({ seq, payload }) => (seq < earliest ? null : payload)));
      }
    }
  }, 120_000);

  it('comes to an end, and is right, while a log goes on for as long as it works', async () => {
    const { id: workspaceId } = await workspace({ maxEvents: 50 });
    const id = await session(workspaceId);
    let isDone = false;
    const write = (n: number) =>
      append(id, [turn('started'), ...Array.from({ length: 150 }, (_, k) => log(`${n}.${k}`)), turn('completed')]);
    for (let n = 0; n < 5; n++) await write(n);
    const writer = (async () => {
      for (let n = 5; !isDone; n++) await write(n);
    })();
    expect((await sweep()).events).toBeGreaterThan(0);
    isDone = true;
    await writer;
    while ((await sweep()).events > 0);
    const { earliest, last } = await head(id);
    expect(last - earliest + 1).toBeLessThanOrEqual(52);
    const all = await rows(id);
    expect(all.map(({ seq, payload }) => [seq, payload !== null])).toEqual(all.map((_, n) => [n + 1, n + 1 >= earliest]));
  });
});

/** Out of the log alone: what is due by age or count, from the beginning on, as far as turns have ended. */
function expectedEarliest(
  events: readonly Row[],
  rule: { maxAgeDays: number | null; maxEvents: number | null },
  isEnded: boolean,
  from: number,
): number {
  const moves = events.flatMap(({ seq, turn: number, type, payload }) =>
    type === 'turn' ? [{ seq, number, isStart: payload === null ? undefined : JSON.parse(payload).state === 'started' }] : [],
  );
  const last = moves.at(-1);
  const open = !isEnded && last?.isStart === true ? last.number : undefined;
  const ends = moves.filter(
    ({ seq, number }, index) => number !== open && !(moves[index + 1] && moves[index + 1]?.number === number) && seq > 0,
  );
  const through = isEnded ? events.length : (ends.at(-1)?.seq ?? 0);
  const limit = rule.maxAgeDays === null ? '' : new Date(Date.now() - rule.maxAgeDays * DAY_MS).toISOString();
  let earliest = from;
  for (const { seq, turn: number, recorded_at } of events) {
    if (seq < from) continue;
    const isDue = recorded_at < limit || (rule.maxEvents !== null && events.length - seq >= rule.maxEvents);
    if (!isDue || seq > through || (open !== undefined && number === open)) break;
    earliest = seq + 1;
  }
  return earliest;
}
