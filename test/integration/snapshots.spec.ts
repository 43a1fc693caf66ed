import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterConfig } from '../../src/config/muster-config.js';
import { Git } from '../../src/workspaces/git/git.service.js';
import { Repositories } from '../../src/workspaces/git/repositories.service.js';
import { Snapshots } from '../../src/workspaces/git/snapshots.service.js';
import { PathRules } from '../../src/workspaces/path-rules.js';
import { commitAll, git, makeRepository, writeFiles } from '../support/repositories.js';

describe('snapshots of work trees', () => {
  let top: string;
  let repository: string;
  let count = 0;

  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'muster-git-')));
    repository = makeRepository(join(top, 'project: "one"'), { 'a.txt': 'one\n', 'b/c.txt': 'two\nthree\n', '.gitignore': 'ignored\n' });
  });
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  const services = () => {
    const config = new MusterConfig({ PATH: process.env.PATH, MUSTER_DATA_DIR: join(top, 'data'), MUSTER_WORKSPACE_ROOTS: top });
    const runner = new Git(config);
    return { repositories: new Repositories(runner, new PathRules(config)), snapshots: new Snapshots(runner) };
  };
  /** What the work tree has beyond a commit. */
  const changes = async (directory = repository, options = {}, from?: string) => {
    const { repositories, snapshots } = services();
    const store = join(top, `store-${++count}`);
    const opened = await repositories.open(directory);
    const tree = await snapshots.take(opened, store, 20_000);
    const base = from ?? opened.head ?? (await snapshots.emptyTree(opened));
    return snapshots.compare(opened, store, [base, tree], { maxPatchBytes: 100_000, timeoutMs: 20_000, ...options });
  };
  const kinds = async (directory?: string) => (await changes(directory)).files.map(({ change, path }) => `${change} ${path}`);

  it('hold what is changed, new, gone, renamed, staged or not, and nothing that is ignored', async () => {
    writeFiles(repository, { 'a.txt': 'one\nmore\n', new: 'n\n', ignored: 'x', staged: 's\n' });
    git(repository, 'add', 'staged');
    mkdirSync(join(repository, 'd'));
    renameSync(join(repository, 'b/c.txt'), join(repository, 'd/e.txt'));
    const { files, patch, isTruncated } = await changes();
    expect(files).toEqual([
      { path: 'a.txt', change: 'modified', additions: 1, deletions: 0, binary: false },
      { path: 'd/e.txt', oldPath: 'b/c.txt', change: 'renamed', additions: 0, deletions: 0, binary: false },
      { path: 'new', change: 'added', additions: 1, deletions: 0, binary: false },
      { path: 'staged', change: 'added', additions: 1, deletions: 0, binary: false },
    ]);
    expect(patch).toContain('+++ b/a.txt\n@@ -1 +1,2 @@\n one\n+more\n');
    expect(isTruncated).toBe(false);
  });

  it('touch neither the index nor the objects of the repository', async () => {
    writeFiles(repository, { 'a.txt': 'changed\n', new: 'n\n' });
    const objects = () => git(repository, 'count-objects');
    const before = [readFileSync(join(repository, '.git/index')).toString('hex'), objects()];
    expect(await kinds()).toEqual(['modified a.txt', 'added new']);
    expect([readFileSync(join(repository, '.git/index')).toString('hex'), objects()]).toEqual(before);
  });

  it('take any name there is', async () => {
    const names = ['-rf', '--upload-pack=x', 'new\nline', 'tab\there', '"quoted"', "it's", 'back\\slash', ':(top)x', '*', 'ключ', ' '];
    writeFiles(repository, Object.fromEntries(names.map((name) => [name, 'x\n'])));
    writeFileSync(Buffer.concat([Buffer.from(`${repository}/`), Buffer.from([0x66, 0xff])]), 'not UTF-8\n');
    const { files } = await changes();
    expect(files.map(({ path }) => path).sort()).toEqual([...names, 'f\uFFFD'].sort());
    for (const path of names) {
      const one = await changes(repository, { path });
      expect([one.files.map((file) => file.path), one.patch.match(/^diff --git /gm)?.length]).toEqual([[path], 1]);
    }
  });

  it('hold links as links, files in place of directories, and directories in place of files', async () => {
    rmSync(join(repository, 'b'), { recursive: true });
    rmSync(join(repository, 'a.txt'));
    writeFiles(repository, { b: 'a file\n', 'a.txt/inner': 'x\n' });
    symlinkSync('/etc/passwd', join(repository, 'link'));
    const { files, patch } = await changes();
    expect(files.map(({ change, path }) => `${change} ${path}`).sort()).toEqual([
      'added a.txt/inner',
      'added b',
      'added link',
      'deleted a.txt',
      'deleted b/c.txt',
    ]);
    expect(patch).toContain('+/etc/passwd');
    expect(patch).not.toContain('root:');
  });

  it('tell of large files without their content', async () => {
    writeFiles(repository, { large: Buffer.alloc(5 * 1024 * 1024, 'x'), small: 'y\n' });
    const { files, patch } = await changes();
    expect(files).toMatchObject([
      { path: 'large', change: 'added', binary: true },
      { path: 'small', change: 'added', binary: false },
    ]);
    expect(patch.length).toBeLessThan(1_000);
  });

  it('cut a long patch off between lines', async () => {
    writeFiles(repository, { long: 'ä line of text\n'.repeat(10_000) });
    const { patch, isTruncated } = await changes(repository, { maxPatchBytes: 10_001 });
    expect([isTruncated, patch.length < 10_001, patch.endsWith('+ä line of text\n')]).toEqual([true, true, true]);
  });

  it('of a directory in a repository tell of this directory only, with its own names', async () => {
    writeFiles(repository, { 'a.txt': 'changed\n', 'b/c.txt': 'changed\n', 'b/large': Buffer.alloc(5 * 1024 * 1024, 'x') });
    expect(await kinds(join(repository, 'b'))).toEqual(['modified c.txt', 'added large']);
    expect((await changes(join(repository, 'b'), { path: 'c.txt' })).patch).toContain('diff --git a/c.txt b/c.txt');
  });

  it('work before the first commit, in a worktree, and in the middle of a conflict', async () => {
    const empty = join(top, 'empty');
    mkdirSync(empty);
    git(empty, 'init', '--quiet');
    writeFiles(empty, { x: '1\n' });
    expect(await kinds(empty)).toEqual(['added x']);
    git(repository, 'worktree', 'add', '--quiet', '-b', 'other', join(top, 'tree'));
    writeFiles(join(top, 'tree'), { 'a.txt': 'theirs\n' });
    commitAll(join(top, 'tree'));
    writeFiles(join(top, 'tree'), { y: '1\n' });
    expect(await kinds(join(top, 'tree'))).toEqual(['added y']);
    writeFiles(repository, { 'a.txt': 'ours\n' });
    commitAll(repository);
    expect(() => git(repository, 'merge', 'other')).toThrow();
    expect(await kinds()).toEqual(['modified a.txt']);
  });

  it('run nothing that the repository configures', async () => {
    const evil = (what: string) => `touch ${join(top, 'evil')}-${what}; cat; false`;
    const sub = makeRepository(join(repository, 'sub'), { s: 's\n' });
    writeFiles(repository, { '.gitattributes': '* filter=evil diff=evil merge=evil text working-tree-encoding=UTF-8\n' });
    commitAll(repository);
    const hooks = join(top, 'hooks');
    writeFiles(hooks, { 'post-index-change': `#!/bin/sh\n${evil('hook')}\n`, 'post-checkout': `#!/bin/sh\n${evil('hook')}\n` });
    for (const hook of ['post-index-change', 'post-checkout']) chmodSync(join(hooks, hook), 0o755);
    for (const [key, value] of [
      ['core.fsmonitor', evil('fsmonitor')],
      ['core.hooksPath', hooks],
      ['core.sshCommand', evil('ssh')],
      ['core.pager', evil('pager')],
      ['filter.evil.clean', evil('clean')],
      ['filter.evil.smudge', evil('smudge')],
      ['filter.evil.process', evil('process')],
      ['filter.evil.required', 'true'],
      ['filter.a=b.c.clean', evil('clean')],
      ['diff.evil.textconv', evil('textconv')],
      ['diff.evil.command', evil('command')],
      ['diff.external', evil('external')],
      ['diff.submodule', 'log'],
      ['core.safecrlf', 'true'],
    ]) {
      git(repository, 'config', key ?? '', value ?? '');
      if (key !== 'core.hooksPath') git(sub, 'config', key ?? '', value ?? '');
    }
    writeFiles(repository, { 'a.txt': 'changed\r\n', new: 'n\n', 'sub/s': 'changed\n', 'sub/t': 'new\n' });
    const { files, patch } = await changes();
    expect(files.map(({ path }) => path)).toEqual(['a.txt', 'new']);
    expect(patch).toContain('+n\n');
    const left = ['hook', 'fsmonitor', 'ssh', 'pager', 'clean', 'smudge', 'process', 'textconv', 'command', 'external'];
    expect(left.filter((what) => existsSync(`${join(top, 'evil')}-${what}`))).toEqual([]);
  });

  it.each([
    ['no repository', (at: string) => mkdirSync(at)],
    ['a bare repository', (at: string) => git(top, 'init', '--quiet', '--bare', at)],
    ['the inside of one', (at: string) => symlinkSync(join(repository, '.git'), at)],
    [
      'a work tree that its configuration puts elsewhere',
      (at: string) => {
        makeRepository(at);
        mkdirSync(join(top, 'elsewhere'));
        git(at, 'config', 'core.worktree', join(top, 'elsewhere'));
      },
    ],
    [
      'a repository outside of the allowed directories',
      (at: string) => {
        mkdirSync(at);
        const outside = makeRepository(mkdtempSync(join(tmpdir(), 'muster-outside-')));
        writeFileSync(join(at, '.git'), `gitdir: ${outside}/.git\n`);
      },
    ],
    ['nothing at all', () => undefined],
  ])('are not taken of %s', async (_name, prepare) => {
    const at = join(top, 'place');
    prepare(at);
    const real = existsSync(at) ? realpathSync(at) : at;
    await expect(services().repositories.open(real)).rejects.toMatchObject({ code: 'not_a_git_work_tree' });
  });

  it('give up in time', async () => {
    const { repositories, snapshots } = services();
    await expect(snapshots.take(await repositories.open(repository), join(top, 'store'), 0)).rejects.toMatchObject({ code: 'git_failed' });
  });
});
