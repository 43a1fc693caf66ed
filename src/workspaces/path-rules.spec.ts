import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { PathRules } from './path-rules.js';
import { PathError } from './path.errors.js';

describe('the rules for directories', () => {
  let base: string;
  let root: string;
  let outside: string;
  let rules: PathRules;

  const rulesWith = (...roots: string[]) =>
    new PathRules(new MusterConfig({ MUSTER_WORKSPACE_ROOTS: roots.join(':'), MUSTER_DATA_DIR: join(base, 'data') }));
  const codeOf = (path: string, by = rules): Promise<string> =>
    by.resolveDirectory(path).then(
      (real) => `resolved ${real}`,
      (error: unknown) => (error instanceof PathError ? error.code : String(error)),
    );

  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'muster-paths-')));
    [root, outside] = [join(base, 'root'), join(base, 'outside')];
    for (const directory of [join(root, 'project', 'src'), join(outside, 'secret')]) mkdirSync(directory, { recursive: true });
    rules = rulesWith(root);
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it('gives the real path of a directory below a root, and of the root itself', async () => {
    await expect(rules.resolveDirectory(join(root, 'project'))).resolves.toBe(join(root, 'project'));
    await expect(rules.resolveDirectory(root)).resolves.toBe(root);
    await expect(rules.resolveDirectory(`${root}//project/./src/../`)).resolves.toBe(join(root, 'project'));
  });

  it('keeps names as they are: spaces, newlines, quotes, other scripts, a leading dash', async () => {
    for (const name of ['two words', 'new\nline', `"quoted'`, 'проект 項目 🚀', '-rf', '$(id)', '..hidden']) {
      mkdirSync(join(root, name));
      await expect(rules.resolveDirectory(join(root, name))).resolves.toBe(join(root, name));
    }
  });

  it('allows the workspaces of the data directory without being told', async () => {
    const sample = join(base, 'data', 'workspaces', 'sample');
    await expect(codeOf(sample)).resolves.toBe('path_not_found');
    mkdirSync(sample, { recursive: true });
    await expect(rules.resolveDirectory(sample)).resolves.toBe(sample);
    await expect(codeOf(join(base, 'data'))).resolves.toBe('path_not_allowed');
  });

  it.each([
    ['an empty path', '', 'path_invalid'],
    ['a NUL', '/tmp\u0000/x', 'path_invalid'],
    ['half a surrogate pair', '/tmp/\ud800', 'path_invalid'],
    ['a relative path', 'project', 'path_not_absolute'],
    ['a home shorthand', '~/project', 'path_not_absolute'],
    ['a URL', 'file:///tmp', 'path_not_absolute'],
    ['a path longer than an index holds', `/${'a/'.repeat(1_100)}`, 'path_too_long'],
    ['one that is longer in bytes only', `/${'ß'.repeat(1_100)}`, 'path_too_long'],
    ['the root of everything', '/', 'path_not_allowed'],
    ['a place outside', '/etc', 'path_not_allowed'],
  ])('refuses %s', async (_title, path, code) => {
    await expect(codeOf(path)).resolves.toBe(code);
  });

  it('refuses what is missing, no directory, or has too long a name', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(codeOf(join(root, 'nothing', 'here'))).resolves.toBe('path_not_found');
    await expect(codeOf(join(root, 'file'))).resolves.toBe('path_not_directory');
    await expect(codeOf(join(root, 'file', 'below'))).resolves.toBe('path_not_directory');
    await expect(codeOf(join(root, 'n'.repeat(256)))).resolves.toBe('path_too_long');
  });

  it('is not fooled by a name that begins like a root, nor by ..', async () => {
    mkdirSync(`${root}-evil`);
    await expect(codeOf(`${root}-evil`)).resolves.toBe('path_not_allowed');
    await expect(codeOf(`${root}/../outside`)).resolves.toBe('path_not_allowed');
    await expect(codeOf(`${root}/../root/project`)).resolves.toBe(`resolved ${join(root, 'project')}`);
  });

  it('does not tell what exists outside of the roots', async () => {
    writeFileSync(join(outside, 'file'), '');
    for (const path of [outside, join(outside, 'missing'), join(outside, 'file'), join(outside, 'file', 'below')])
      await expect(codeOf(path)).resolves.toBe('path_not_allowed');
  });

  describe('symbolic links', () => {
    it('are followed where they stay inside, also into another root', async () => {
      symlinkSync(join(root, 'project'), join(root, 'link'));
      await expect(rules.resolveDirectory(join(root, 'link', 'src'))).resolves.toBe(join(root, 'project', 'src'));
      symlinkSync(outside, join(root, 'other'));
      await expect(rulesWith(root, outside).resolveDirectory(join(root, 'other'))).resolves.toBe(outside);
    });

    it('are refused where they lead out: at the end, in between, in two steps, relative, and by .. behind a link', async () => {
      symlinkSync(outside, join(root, 'escape'));
      symlinkSync('../outside', join(root, 'relative'));
      symlinkSync(join(root, 'escape'), join(root, 'again'));
      symlinkSync(join(outside, 'secret'), join(root, 'deep'));
      for (const path of ['escape', 'escape/secret', 'relative', 'again', 'deep/..'])
        await expect(codeOf(`${root}/${path}`)).resolves.toBe('path_escapes_roots');
    });

    it('are refused in a loop, and where they lead nowhere', async () => {
      symlinkSync(join(root, 'b'), join(root, 'a'));
      symlinkSync(join(root, 'a'), join(root, 'b'));
      symlinkSync(join(root, 'gone'), join(root, 'dangling'));
      await expect(codeOf(join(root, 'a'))).resolves.toBe('path_link_loop');
      await expect(codeOf(join(root, 'a', 'below'))).resolves.toBe('path_link_loop');
      await expect(codeOf(join(root, 'dangling'))).resolves.toBe('path_not_found');
    });

    it('may stand for a root, and may lead in from outside', async () => {
      symlinkSync(root, join(base, 'alias'));
      const aliased = rulesWith(join(base, 'alias'));
      await expect(aliased.resolveDirectory(join(base, 'alias', 'project'))).resolves.toBe(join(root, 'project'));
      await expect(aliased.resolveDirectory(join(root, 'project'))).resolves.toBe(join(root, 'project'));
      await expect(rules.resolveDirectory(join(base, 'alias', 'project'))).resolves.toBe(join(root, 'project'));
    });
  });

  it('refuses a real name that is not UTF-8: it could not be written down', async () => {
    const bytes = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(bytes);
    symlinkSync(bytes, join(root, 'latin'));
    await expect(codeOf(join(root, 'latin'))).resolves.toBe('path_invalid');
  });

  it('allows everything below the root /', async () => {
    await expect(rulesWith('/').resolveDirectory(outside)).resolves.toBe(outside);
    await expect(rulesWith('/').resolveDirectory('/')).resolves.toBe('/');
  });

  it('allows nothing where the root is missing, and starts to allow when it appears', async () => {
    const late = rulesWith(join(base, 'late'));
    await expect(codeOf(join(base, 'late'), late)).resolves.toBe('path_not_found');
    mkdirSync(join(base, 'late'));
    await expect(codeOf(join(base, 'late'), late)).resolves.toBe(`resolved ${join(base, 'late')}`);
  });

  it('refuses a directory that can not be read, or not entered, or whose parent can not be passed', async () => {
    chmodSync(base, 0o755);
    for (const [name, mode] of [
      ['unreadable', 0o311],
      ['unenterable', 0o644],
      ['closed', 0o600],
    ] as const) {
      mkdirSync(join(root, name, 'child'), { recursive: true });
      chmodSync(join(root, name), mode);
    }
    await withoutRootRights(async () => {
      await expect(codeOf(join(root, 'unreadable'))).resolves.toBe('path_not_accessible');
      await expect(codeOf(join(root, 'unenterable'))).resolves.toBe('path_not_accessible');
      await expect(codeOf(join(root, 'closed', 'child'))).resolves.toBe('path_not_accessible');
      await expect(codeOf(join(root, 'project'))).resolves.toBe(`resolved ${join(root, 'project')}`);
    });
    for (const name of ['unreadable', 'unenterable', 'closed']) chmodSync(join(root, name), 0o755);
  });

  it('names the path, the allowed roots and a remedy', async () => {
    const error = await rules.resolveDirectory('/etc').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'path_not_allowed',
      kind: 'invalid_input',
      details: { context: { path: '/etc', roots: [root, join(base, 'data', 'workspaces'), join(base, 'data', 'worktrees')] } },
    });
    expect(String(error)).toContain('"/etc" is not below an allowed directory');
    expect(error instanceof PathError && error.details.remedy).toContain(`Allowed are: ${root}, `);
    const long = await rules.resolveDirectory(`/${'x'.repeat(5_000)}`).catch((thrown: unknown) => String(thrown));
    expect(String(long).length).toBeLessThan(300);
  });

  describe('before something is started', () => {
    it('accepts the directory as it was', async () => {
      await expect(rules.assertStill(await rules.resolveDirectory(join(root, 'project', 'src')))).resolves.toBeUndefined();
    });

    it.each([
      ['became a link to another directory inside', () => join(root, 'other'), 'path_changed'],
      ['became a link that leads out', () => outside, 'path_escapes_roots'],
    ])('refuses it when a part of it %s', async (_title, target, code) => {
      const kept = await rules.resolveDirectory(join(root, 'project', 'src'));
      for (const each of [join(root, 'other', 'src'), join(outside, 'src')]) mkdirSync(each, { recursive: true });
      renameSync(join(root, 'project'), join(root, 'moved'));
      symlinkSync(target(), join(root, 'project'));
      await expect(rules.assertStill(kept)).rejects.toMatchObject({ code });
    });

    it('refuses it when it is gone, a file, or its root is not allowed any more', async () => {
      const kept = await rules.resolveDirectory(join(root, 'project'));
      await expect(rulesWith(outside).assertStill(kept)).rejects.toMatchObject({ code: 'path_not_allowed' });
      renameSync(kept, join(root, 'moved'));
      await expect(rules.assertStill(kept)).rejects.toMatchObject({ code: 'path_not_found' });
      writeFileSync(join(root, 'plain'), '');
      linkSync(join(root, 'plain'), kept);
      await expect(rules.assertStill(kept)).rejects.toMatchObject({ code: 'path_not_directory' });
    });
  });

  it('never gives a path outside while a directory is exchanged for a link and back', async () => {
    const [swapped, parked] = [join(root, 'project'), join(root, 'parked')];
    let isDone = false;
    const swapping = (async () => {
      while (!isDone) {
        renameSync(swapped, parked);
        symlinkSync(outside, swapped);
        await new Promise((resolve) => setImmediate(resolve));
        unlinkSync(swapped);
        renameSync(parked, swapped);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 2_000 && seen.size < 2; i++) seen.add(await codeOf(swapped));
    for (let i = 0; i < 300; i++) seen.add(await codeOf(swapped));
    isDone = true;
    await swapping;
    expect([...seen].sort()).toEqual(expect.arrayContaining(['path_escapes_roots', `resolved ${swapped}`]));
    for (const each of seen) expect(['path_escapes_roots', 'path_not_found', 'path_not_directory', `resolved ${swapped}`]).toContain(each);
  });
});

/** Root may do everything, so that permissions are tried as somebody else where the tests run as root. */
async function withoutRootRights(body: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return body();
  process.seteuid?.(65_534);
  try {
    await body();
  } finally {
    process.seteuid?.(0);
  }
}
