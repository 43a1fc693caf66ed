import { parseChanges, quoted, splitPatch } from './git-output.js';

const ID = '0123456789012345678901234567890123456789';
const raw = (letter: string, ...paths: string[]) => [`:100644 100644 ${ID} ${ID} ${letter}`, ...paths];
const output = (...fields: string[]) => fields.map((field) => `${field}\0`).join('');

describe('what git puts out', () => {
  it('is read whatever the names are', () => {
    const names = ['a b', 'new\nline', '"quo\'ted"', '-rf', ':100644 100644 x', 'a\tb', '1\t2\tz', 'ключ', 'tail '];
    const text = output(...names.flatMap((name) => raw('M', name)), ...names.map((name) => `1\t2\t${name}`));
    expect(parseChanges(text)).toEqual(names.map((path) => ({ path, change: 'modified', additions: 1, deletions: 2, binary: false })));
  });

  it('tells what was added, deleted, renamed, copied, of another type, and binary', () => {
    const text = output(
      ...raw('A', 'added'),
      ...raw('D', 'deleted'),
      ...raw('R090', 'old\nname', 'new name'),
      ...raw('C100', 'source', 'copy'),
      ...raw('T', 'link'),
      ...raw('M', 'picture'),
      '3\t0\tadded',
      '0\t4\tdeleted',
      '1\t1\t',
      'old\nname',
      'new name',
      '0\t0\t',
      'source',
      'copy',
      '1\t1\tlink',
      '-\t-\tpicture',
    );
    expect(parseChanges(text)).toEqual([
      { path: 'added', change: 'added', additions: 3, deletions: 0, binary: false },
      { path: 'deleted', change: 'deleted', additions: 0, deletions: 4, binary: false },
      { path: 'new name', oldPath: 'old\nname', change: 'renamed', additions: 1, deletions: 1, binary: false },
      { path: 'copy', change: 'added', additions: 0, deletions: 0, binary: false },
      { path: 'link', change: 'modified', additions: 1, deletions: 1, binary: false },
      { path: 'picture', change: 'modified', additions: 0, deletions: 0, binary: true },
    ]);
  });

  it.each([
    ['nothing', '', 0],
    ['an end in the middle of the names', output(...raw('M', 'a')) + ':100644 1', 0],
    ['an end in the middle of the counts', output(...raw('M', 'a'), ...raw('M', 'b'), '1\t1\ta') + '1\t1', 1],
    ['something else', 'fatal: no such thing\n', 0],
  ])('survives %s', (_name, text, count) => {
    expect(parseChanges(text)).toHaveLength(count);
  });

  it('is split into files, and content that looks like a header is none', () => {
    const one = 'diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-diff --git a/x b/x\n+diff --git a/y b/y\n';
    const two = 'diff --git a/y b/y\nBinary files a/y and b/y differ\n';
    expect(splitPatch(one + two)).toEqual([one, two]);
    expect(splitPatch('')).toEqual([]);
  });

  it('keeps both parts of a file that became a link together', () => {
    const gone = 'diff --git a/x b/x\ndeleted file mode 100644\n';
    const there = 'diff --git a/x b/x\nnew file mode 120000\n';
    expect(splitPatch(gone + there)).toEqual([gone + there]);
  });

  it('is given paths with colons and quotes', () => {
    expect(quoted('/a:b/"c"\\d\ne')).toBe('"/a:b/\\"c\\"\\\\d\\ne"');
  });
});
