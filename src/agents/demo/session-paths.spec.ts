import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveInside } from './session-paths.js';

describe('resolveInside', () => {
  let top: string;
  let folder: string;

  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'demo-paths-')));
    folder = join(top, 'in');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    mkdirSync(join(top, 'inside-no-more'));
    writeFileSync(join(top, 'secret'), 'x');
    writeFileSync(join(folder, 'file'), 'x');
  });
  afterEach(() => rmSync(top, { recursive: true }));

  it.each(['file', './sub/../file', 'sub', 'not/there/yet', '.', '..name', 'sub/..name'])('allows %j', (path) => {
    expect(resolveInside(folder, path)).toBe(join(folder, path));
  });

  it('allows an absolute path into the folder, also one through a link to the folder', () => {
    symlinkSync(folder, join(top, 'alias'));
    expect(resolveInside(join(top, 'alias'), join(top, 'alias', 'new'))).toBe(join(folder, 'new'));
    expect(resolveInside(folder, join(folder, 'file'))).toBe(join(folder, 'file'));
  });

  it.each(['..', '../secret', 'sub/../../secret', '/etc/passwd', '../inside-no-more/x', '../in2'])('refuses %j', (path) => {
    expect(() => resolveInside(folder, path)).toThrow("lies outside the session's folder");
  });

  it('follows a link that stays inside and refuses one that leaves', () => {
    symlinkSync(join(folder, 'sub'), join(folder, 'stays'));
    symlinkSync(top, join(folder, 'leaves'));
    symlinkSync(join(top, 'secret'), join(folder, 'leaves-to-file'));
    expect(resolveInside(folder, 'stays/new')).toBe(join(folder, 'sub/new'));
    expect(() => resolveInside(folder, 'leaves/secret')).toThrow('lies outside');
    expect(() => resolveInside(folder, 'leaves/new/file')).toThrow('lies outside');
    expect(() => resolveInside(folder, 'leaves-to-file')).toThrow('lies outside');
  });

  it('refuses a link that leads nowhere, which a write would follow', () => {
    symlinkSync(join(top, 'not-there'), join(folder, 'dangling'));
    expect(() => resolveInside(folder, 'dangling')).toThrow('goes through a link that leads nowhere');
    expect(() => resolveInside(folder, 'dangling/x')).toThrow('goes through a link that leads nowhere');
  });
});
