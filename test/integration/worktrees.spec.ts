import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { giveKey, setMember } from '../support/principals.js';
import { commitAll, git, makeRepository, writeFiles } from '../support/repositories.js';
import { untilStatus } from '../support/sessions.js';

const ROOT = resolve(__dirname, '../..');
const DEMO = [process.execPath, '-r', join(ROOT, 'test/support/swc-register.cjs'), join(ROOT, 'src/agents/demo/demo-agent.main.ts')];

describe.each(DIALECTS)('sessions in git repositories on %s', (dialect) => {
  let app: TestApp;
  let root: string;
  let count = 0;

  beforeAll(async () => {
    const database = await createDatabase(dialect);
    root = realpathSync(database.dataDir);
    const env = { DEMO_AGENT_HOME: join(root, 'demo-home') };
    const profile = { name: 'demo', runtime: 'acp', command: DEMO, env, versionCommand: null };
    writeFileSync(join(root, 'agents.json'), JSON.stringify({ agents: [profile] }));
    app = await TestApp.start(dialect, { MUSTER_AGENTS_FILE: join(root, 'agents.json') }, database);
  });
  afterAll(async () => {
    await app?.close();
    await app?.database.drop();
  });

  const workspace = async (files?: Record<string, string>) => {
    const path = makeRepository(join(root, `project-${++count}`), files);
    const { body } = await app.call('POST', '/api/workspaces', { body: { path } });
    return { id: body.id as string, path };
  };
  const create = (body: object, key?: string) =>
    app.call('POST', '/api/sessions', { body: { agent: 'demo', policy: 'allow-all', ...body }, ...(key ? { key } : {}) });
  const get = (id: string) => app.call('GET', `/api/sessions/${id}`);
  const idle = (id: string) => untilStatus(() => get(id), 'idle', 'failed', 'completed');
  const isolated = async (workspaceId: string, fields: object = {}) => {
    const { status, body } = await create({ workspaceId, isolation: 'worktree', prompt: 'write:made.txt by the agent', ...fields });
    if (status !== 201) throw new Error(JSON.stringify(body));
    return idle(body.id);
  };
  const stop = (id: string) => app.call('POST', `/api/sessions/${id}/stop`);
  const remove = (id: string, query = '') => app.call('DELETE', `/api/sessions/${id}${query}`);
  const diff = (id: string, query = '') => app.call('GET', `/api/sessions/${id}/diff${query}`);
  const changes = async (id: string) =>
    (await app.call('GET', `/api/sessions/${id}/events?type=file_change&limit=200`)).body.items.map(({ turn, source, payload }: any) => ({
      turn,
      source,
      ...payload,
    }));

  it('work in a worktree of their own, and leave the workspace as it is', async () => {
    const { id: workspaceId, path } = await workspace();
    writeFiles(path, { 'README.md': 'changed by a person\n' });
    const session = await isolated(workspaceId);
    expect(session).toMatchObject({ status: 'idle', isolation: 'worktree', projectDir: join(root, 'worktrees', session.id) });
    expect(existsSync(join(session.projectDir, 'made.txt'))).toBe(true);
    expect(git(path, 'status', '--porcelain')).toBe(' M README.md');
    expect(git(session.projectDir, 'branch', '--show-current')).toBe(`muster/${session.id}`);
    const { status, body } = await diff(session.id);
    expect([status, body]).toEqual([
      200,
      {
        directory: session.projectDir,
        base: git(path, 'rev-parse', 'HEAD'),
        head: git(path, 'rev-parse', 'HEAD'),
        branch: `muster/${session.id}`,
        files: [{ path: 'made.txt', change: 'added', additions: 1, deletions: 0, binary: false }],
        patch: expect.stringContaining('+by the agent'),
        truncated: false,
      },
    ]);
    await stop(session.id);
  });

  it('begin from the base they are given, on the branch they are given, and are compared with where they branched off', async () => {
    const { id: workspaceId, path } = await workspace();
    git(path, 'switch', '--quiet', '-c', 'release');
    writeFiles(path, { 'release.txt': 'r\n' });
    commitAll(path);
    git(path, 'switch', '--quiet', 'main');
    const session = await isolated(workspaceId, { worktree: { branch: 'fix/it', base: 'release' } });
    expect(git(session.projectDir, 'branch', '--show-current')).toBe('fix/it');
    commitAll(session.projectDir);
    writeFiles(session.projectDir, { 'later.txt': 'l\n' });
    // What comes into the base meanwhile, and is merged from there, is not the session's.
    git(path, 'switch', '--quiet', 'release');
    writeFiles(path, { 'upstream.txt': 'u\n' });
    commitAll(path);
    git(session.projectDir, 'merge', '--quiet', '--no-edit', 'release');
    const { body } = await diff(session.id);
    expect(body.files.map((file: any) => file.path)).toEqual(['later.txt', 'made.txt']);
    expect((await diff(session.id, '?path=later.txt')).body).toMatchObject({ files: [{ path: 'later.txt' }], truncated: false });
    expect((await diff(session.id, '?path=release.txt')).body).toMatchObject({ files: [], patch: '' });
    await stop(session.id);
  });

  it('of a directory within a repository work in the same directory of the worktree', async () => {
    const top = makeRepository(join(root, `mono-${++count}`), { 'packages/a/x': '1\n', y: '2\n' });
    const { body } = await create({ projectDir: join(top, 'packages/a'), isolation: 'worktree', prompt: 'write:z new' });
    const session = await idle(body.id);
    expect(session.projectDir).toBe(join(root, 'worktrees', session.id, 'packages/a'));
    expect((await diff(session.id)).body.files.map((file: any) => file.path)).toEqual(['z']);
    await stop(session.id);
  });

  it('tell turn by turn which files they changed', async () => {
    const { id: workspaceId, path } = await workspace({ 'a.txt': 'one\n', 'b.txt': 'two\n' });
    writeFiles(path, { 'before.txt': 'a person was here\n' });
    const { body } = await create({ workspaceId, prompt: 'write:a.txt ONE\nwrite:new.txt n' });
    await idle(body.id);
    expect(await changes(body.id)).toEqual([
      { turn: 1, source: 'system', path: 'a.txt', change: 'modified', additions: 1, deletions: 1, diff: expect.stringContaining('+ONE') },
      { turn: 1, source: 'system', path: 'new.txt', change: 'added', additions: 1, deletions: 0, diff: expect.stringContaining('+n') },
    ]);
    writeFiles(path, { 'between.txt': 'a person again\n' });
    await app.call('POST', `/api/sessions/${body.id}/input`, { body: { content: 'run:rm b.txt' } });
    await untilStatus(() => get(body.id), 'running');
    await idle(body.id);
    expect((await changes(body.id)).slice(2)).toMatchObject([{ turn: 2, path: 'b.txt', change: 'deleted' }]);
    await app.call('POST', `/api/sessions/${body.id}/input`, { body: { content: 'say:nothing' } });
    await untilStatus(async () => ({ body: { status: String((await get(body.id)).body.messageCount >= 6) } }), 'true');
    await idle(body.id);
    expect(await changes(body.id)).toHaveLength(3);
    const types = (await app.call('GET', `/api/sessions/${body.id}/events?limit=200`)).body.items;
    const ended = types.findIndex(({ type, turn, payload }: any) => type === 'turn' && turn === 1 && payload.state === 'completed');
    expect(types.findLastIndex(({ type, turn }: any) => type === 'file_change' && turn === 1)).toBeLessThan(ended);
    // Against where the session began: what people did in between is there, too.
    expect((await diff(body.id)).body.files.map((file: any) => file.path)).toEqual([
      'a.txt',
      'b.txt',
      'before.txt',
      'between.txt',
      'new.txt',
    ]);
    await stop(body.id);
    expect(existsSync(join(root, 'snapshots', body.id))).toBe(false);
  });

  describe('are deleted', () => {
    it('with their worktree and branch where it is clean and merged', async () => {
      const { id: workspaceId, path } = await workspace();
      const session = await isolated(workspaceId, { prompt: 'say:hello' });
      await stop(session.id);
      const { status, body } = await remove(session.id);
      const worktree = { path: session.projectDir, branch: `muster/${session.id}`, removed: true };
      expect([status, body]).toEqual([200, { id: session.id, deleted: true, worktree }]);
      expect(existsSync(session.projectDir)).toBe(false);
      expect(git(path, 'branch', '--list', 'muster/*')).toBe('');
      expect(git(path, 'worktree', 'list').split('\n')).toHaveLength(1);
      const merged = await isolated(workspaceId);
      commitAll(merged.projectDir);
      git(path, 'merge', '--quiet', `muster/${merged.id}`);
      await stop(merged.id);
      expect((await remove(merged.id)).body.worktree.removed).toBe(true);
    });

    it.each([
      ['has changes that are not committed', (dir: string) => writeFiles(dir, { 'README.md': 'changed\n' })],
      ['has changes that are not committed', (dir: string) => writeFiles(dir, { 'un tracked': 'new\n' })],
      ['merged nowhere', (dir: string) => (writeFiles(dir, { x: 'new\n' }), commitAll(dir))],
      [
        'merged nowhere',
        (dir: string) => {
          git(dir, 'switch', '--quiet', '--detach');
          writeFiles(dir, { x: 'new\n' });
          commitAll(dir);
        },
      ],
      [
        'overlook changes',
        (dir: string) => {
          git(dir, 'update-index', '--assume-unchanged', 'README.md');
          writeFiles(dir, { 'README.md': 'hidden\n' });
        },
      ],
      [
        'has changes that are not committed',
        (dir: string) => {
          git(dir, 'config', 'status.showUntrackedFiles', 'no');
          writeFiles(dir, { untracked: 'new\n' });
        },
      ],
      ['could not be looked into', (dir: string) => rmSync(join(dir, '.git'))],
    ])('while the worktree stays that %s', async (reason, change) => {
      const { id: workspaceId, path } = await workspace();
      const session = await isolated(workspaceId, { prompt: 'say:hello' });
      change(session.projectDir);
      // Its agent is alive: force ends it, and discards nothing all the same.
      expect((await remove(session.id)).body.code).toBe('session_live');
      const { body } = await remove(session.id, '?force=true');
      expect(body).toMatchObject({ deleted: true, worktree: { path: session.projectDir, removed: false } });
      expect(body.worktree.reason).toContain(reason);
      expect(existsSync(join(session.projectDir, 'README.md'))).toBe(true);
      expect((await get(session.id)).status).toBe(404);
      const refused = await app.call('DELETE', `/api/workspaces/${workspaceId}`);
      expect([refused.status, refused.body.code]).toEqual([409, 'workspace_has_worktrees']);
      expect(refused.body.context.worktrees).toEqual([{ sessionId: session.id, path: session.projectDir, branch: `muster/${session.id}` }]);
      expect(refused.body.remedy).toContain('git worktree remove');
      rmSync(session.projectDir, { recursive: true });
      git(path, 'worktree', 'prune');
      expect((await app.call('DELETE', `/api/workspaces/${workspaceId}`)).status).toBe(200);
    });
  });

  describe('are refused', () => {
    it.each([
      ['a branch that looks like an option', { branch: '--upload-pack=touch /tmp/x' }, 400, 'branch_invalid'],
      ['no name for a branch', { branch: 'a..b' }, 400, 'branch_invalid'],
      ['another ref than a branch', { branch: 'HEAD' }, 400, 'branch_invalid'],
      ['a name that steps out', { branch: '../../main' }, 400, 'branch_invalid'],
      ['a branch that is there', { branch: 'main' }, 409, 'branch_exists'],
      ['a branch below one that is there', { branch: 'main/x' }, 409, 'branch_exists'],
      ['a base that looks like an option', { base: '--output=/tmp/x' }, 400, 'unknown_base'],
      ['a base that is not there', { base: 'nowhere' }, 400, 'unknown_base'],
      ['a base that is no commit', { base: 'HEAD:README.md' }, 400, 'unknown_base'],
      ['a field that is unknown', { path: '/tmp' }, 400, 'invalid_input'],
      ['a line break', { branch: 'a\nb' }, 400, 'invalid_input'],
      ['no object', ['main'], 400, 'invalid_input'],
    ])('with %s', async (_name, worktree, status, code) => {
      const { id: workspaceId, path } = await workspace();
      const answer = await create({ workspaceId, isolation: 'worktree', worktree });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(git(path, 'worktree', 'list').split('\n')).toHaveLength(1);
    });

    it('outside of a repository, before the first commit, for external agents, and with half of the request', async () => {
      const path = join(root, `plain-${++count}`);
      mkdirSync(path);
      const plain = await create({ projectDir: path, isolation: 'worktree' });
      expect([plain.status, plain.body.code]).toEqual([409, 'not_a_git_work_tree']);
      expect(plain.body.remedy).toContain('git init');
      git(path, 'init', '--quiet');
      expect((await create({ projectDir: path, isolation: 'worktree' })).body.code).toBe('not_a_git_work_tree');
      expect((await create({ runtime: 'external', isolation: 'worktree' })).body.code).toBe('invalid_input');
      expect((await create({ projectDir: path, worktree: { branch: 'x' } })).body.code).toBe('invalid_input');
      expect((await create({ projectDir: path, isolation: 'container' })).body.code).toBe('invalid_input');
    });

    it('with no diff where there is none', async () => {
      const path = join(root, `plain-${++count}`);
      mkdirSync(path);
      const { body } = await create({ projectDir: path, launch: false });
      expect([(await diff(body.id)).status, (await diff(body.id)).body.code]).toEqual([409, 'not_a_git_work_tree']);
      const external = (await create({ runtime: 'external', agent: 'bot' })).body.id;
      expect((await diff(external)).body.code).toBe('not_supported');
      for (const bad of ['../x', '/etc/passwd', 'a/../../x', '.', 'a//b', '%00'])
        expect([bad, (await diff(body.id, `?path=${bad}`)).body.code]).toEqual([bad, 'invalid_input']);
      expect((await diff('nobody')).body.code).toBe('session_not_found');
      symlinkSync('/etc', join(path, 'link'));
      git(path, 'init', '--quiet');
      const { body: linked } = await diff(body.id);
      expect([linked.files.map((file: any) => file.path), linked.patch.includes('root:')]).toEqual([['link'], false]);
    });
  });

  it('keep their worktrees to the editors of their workspace', async () => {
    const { id: workspaceId } = await workspace();
    const session = await isolated(workspaceId, { prompt: 'say:hello' });
    const [viewer, stranger] = [`user:viewer-${count}`, `user:stranger-${count}`];
    await setMember(app, workspaceId, viewer, 'viewer');
    const keys = [await giveKey(app, { principalId: viewer }), await giveKey(app, { principalId: stranger })];
    const answers = await Promise.all(
      keys.map(async ({ secret: key }) => [
        (await app.call('GET', `/api/sessions/${session.id}/diff`, { key })).status,
        (await create({ projectDir: session.projectDir }, key)).status,
        (await create({ projectDir: join(root, 'worktrees') }, key)).status,
        (await app.call('POST', '/api/workspaces', { body: { path: session.projectDir }, key })).status,
      ]),
    );
    expect(answers).toEqual([
      [200, 403, 403, 403],
      [404, 403, 403, 403],
    ]);
    await stop(session.id);
  });

  it('make a worktree again that was left half done, and fail where its branch was taken meanwhile', async () => {
    const { id: workspaceId, path } = await workspace();
    const waiting = async (branch: string) =>
      (await create({ workspaceId, isolation: 'worktree', worktree: { branch }, launch: false })).body;
    const [half, taken] = [await waiting('half'), await waiting('taken')];
    expect(existsSync(half.projectDir)).toBe(false);
    git(path, 'worktree', 'add', '--quiet', '-b', 'half', half.projectDir);
    git(path, 'worktree', 'lock', half.projectDir);
    rmSync(join(half.projectDir, 'README.md'));
    git(path, 'branch', 'taken');
    for (const { id } of [half, taken]) await app.call('POST', `/api/sessions/${id}/input`, { body: { content: 'say:hello' } });
    expect(await untilStatus(() => get(half.id), 'idle', 'failed')).toMatchObject({ status: 'idle' });
    expect(existsSync(join(half.projectDir, 'README.md'))).toBe(true);
    const failed = await untilStatus(() => get(taken.id), 'idle', 'failed');
    expect([failed.status, failed.endReason]).toEqual(['failed', expect.stringContaining('"taken"')]);
    await stop(half.id);
  });
});
