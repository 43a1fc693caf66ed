import type { ChangedFile, FileChangeKind } from './git.types.js';

const CHANGE_OF_LETTER: Readonly<Record<string, FileChangeKind>> = { A: 'added', C: 'added', D: 'deleted', R: 'renamed' };

/**
 * The files in what `git diff-tree -r -z --raw --numstat` puts out (https://git-scm.com/docs/git-diff-tree, "RAW OUTPUT FORMAT"): names
 * stand in it as they are, each closed by a NUL. What is cut off at the end of a truncated output is left out.
 */
export function parseChanges(output: string): ChangedFile[] {
  const fields = output.split('\0');
  // What stands behind the last NUL is empty, or was cut off.
  fields.pop();
  const kinds: { change: FileChangeKind; path: string; oldPath?: string }[] = [];
  let at = 0;
  for (; fields[at]?.startsWith(':') === true; at += 1) {
    const letter = /^:\d+ \d+ \w+ \w+ ([A-Z])\d*$/.exec(fields[at] ?? '')?.[1];
    const first = fields[++at];
    if (letter === undefined || first === undefined) return [];
    const change = CHANGE_OF_LETTER[letter] ?? 'modified';
    const second = letter === 'R' || letter === 'C' ? fields[++at] : undefined;
    kinds.push(change === 'renamed' && second !== undefined ? { change, path: second, oldPath: first } : { change, path: second ?? first });
  }
  return kinds.flatMap((kind) => {
    const counts = /^(-|\d+)\t(-|\d+)\t(.*)$/s.exec(fields[at] ?? '');
    if (!counts) return [];
    at += counts[3] === '' ? 3 : 1;
    const binary = counts[1] === '-';
    return [{ ...kind, additions: binary ? 0 : Number(counts[1]), deletions: binary ? 0 : Number(counts[2]), binary }];
  });
}

const HEADER = 'diff --git ';

/**
 * A unified diff, file by file. Lines of content begin with a blank, `+`, `-` or `\`, so that no content looks like a header. A file that
 * became a link, or the other way round, stands in it twice, one after the other.
 */
export function splitPatch(patch: string): string[] {
  if (!patch.startsWith(HEADER)) return [];
  const parts = patch
    .slice(HEADER.length)
    .split(`\n${HEADER}`)
    .map((part, index, all) => `${HEADER}${part}${index < all.length - 1 ? '\n' : ''}`);
  const files: string[] = [];
  for (const part of parts) {
    const last = files.at(-1);
    if (last !== undefined && headerOf(last) === headerOf(part)) files[files.length - 1] = last + part;
    else files.push(part);
  }
  return files;
}

const headerOf = (part: string): string => part.slice(0, part.indexOf('\n'));

/** A text as git wants it among several, separated by colons (GIT_ALTERNATE_OBJECT_DIRECTORIES). */
export const quoted = (path: string): string => `"${path.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
