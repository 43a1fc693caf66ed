/** One thing that a prompt asks of the demo agent. `echo` stands for every line that is no directive. */
export type Directive =
  | { readonly kind: 'say' | 'think' | 'echo'; readonly text: string }
  | { readonly kind: 'read'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly text: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'slow'; readonly seconds: number }
  | { readonly kind: 'fail'; readonly message: string }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'recall' };

/** A directive that is done as a tool call. */
export type ToolDirective = Extract<Directive, { kind: 'read' | 'write' | 'run' }>;

export const isToolDirective = (directive: Directive): directive is ToolDirective =>
  directive.kind === 'read' || directive.kind === 'write' || directive.kind === 'run';

/**
 * The directives of a prompt, in the order of its lines. A line is a directive where its name is known and its argument fits
 * (`slow:soon` is none); other lines become one `echo` each, blank lines nothing. A prompt without any directive is one `echo` of
 * the whole text.
 */
export function parsePrompt(prompt: string): Directive[] {
  const lines = prompt.split(/\r?\n/).map((line) => line.trim());
  const parsed = lines.filter((line) => line !== '').map((line) => parseLine(line) ?? ({ kind: 'echo', text: line } as const));
  return parsed.some(({ kind }) => kind !== 'echo') ? parsed : [{ kind: 'echo', text: prompt }];
}

function parseLine(line: string): Directive | null {
  const colon = line.indexOf(':');
  if (colon < 0) return null;
  const argument = line.slice(colon + 1).trim();
  switch (line.slice(0, colon)) {
    case 'say':
      return argument ? { kind: 'say', text: argument } : null;
    case 'think':
      return argument ? { kind: 'think', text: argument } : null;
    case 'read':
      return argument ? { kind: 'read', path: argument } : null;
    case 'write':
      return parseWrite(argument);
    case 'run':
      return argument ? { kind: 'run', command: argument } : null;
    case 'slow':
      return /^\d+(\.\d+)?$/.test(argument) ? { kind: 'slow', seconds: Number(argument) } : null;
    case 'fail':
      return argument ? { kind: 'fail', message: argument } : null;
    case 'exit':
      return /^\d{1,3}$/.test(argument) && Number(argument) <= 255 ? { kind: 'exit', code: Number(argument) } : null;
    case 'recall':
      return argument ? null : { kind: 'recall' };
    default:
      return null;
  }
}

/** `PATH TEXT`: the path ends at the first blank, the text may be absent (an empty file), and `\n` in it is a line break. */
function parseWrite(argument: string): Directive | null {
  const [path] = argument.split(/\s/, 1);
  if (!path) return null;
  return { kind: 'write', path, text: argument.slice(path.length).trimStart().replaceAll('\\n', '\n') };
}
