import { isJsonObject } from '../core/json.js';
import type { ShownCall } from './hook.types.js';
import { textOf } from './hook-payload.js';

/** Kinds of the Agent Client Protocol, by the names agents give their tools. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(bash|bashoutput|killshell|shell|exec_command|run_shell_command|exec)$/i, 'execute'],
  [/^(read|notebookread|read_file|read_many_files|view_image)$/i, 'read'],
  [/^(edit|multiedit|write|notebookedit|apply_patch|write_file|replace)$/i, 'edit'],
  [/^(grep|glob|ls|search_file_content|list_directory|toolsearch)$/i, 'search'],
  [/^(webfetch|websearch|web_fetch|google_web_search|web_search)$/i, 'fetch'],
  [/^(task|agent|todowrite|update_plan)$/i, 'think'],
  [/^(exitplanmode|enterplanmode)$/i, 'switch_mode'],
];
const TITLE_LENGTH = 200;

/** What a person sees of a tool call: what it does, where, and the change that it makes. */
export function shownCall(toolCallId: string, toolName: string, toolInput: unknown): ShownCall {
  const input = isJsonObject(toolInput) ? toolInput : {};
  const path = textOf(input['file_path']) ?? textOf(input['path']) ?? textOf(input['notebook_path']);
  const what = textOf(input['command']) ?? path ?? textOf(input['pattern']) ?? textOf(input['url']) ?? textOf(input['description']);
  const title = what === null ? toolName : `${toolName} ${what.split('\n', 1)[0] ?? ''}`;
  return {
    toolCallId,
    title: title.slice(0, TITLE_LENGTH).toWellFormed(),
    kind: KINDS.find(([pattern]) => pattern.test(toolName))?.[1] ?? 'other',
    rawInput: toolInput,
    locations: path === null ? [] : [{ path }],
    content: path === null ? [] : changesOf(path, input),
  };
}

function changesOf(path: string, input: Readonly<Record<string, unknown>>): ShownCall['content'] {
  const edits = Array.isArray(input['edits']) ? input['edits'] : [input];
  return edits.filter(isJsonObject).flatMap(({ old_string: oldText, new_string: newText, content }) => {
    if (typeof newText === 'string') return [{ type: 'diff', path, oldText: typeof oldText === 'string' ? oldText : null, newText }];
    return typeof content === 'string' ? [{ type: 'diff', path, oldText: null, newText: content }] : [];
  });
}

/** What a tool gave back, for people. */
export function shownResult(response: unknown): string | null {
  if (typeof response === 'string') return textOf(response);
  if (!isJsonObject(response)) return null;
  const { stdout, stderr, output, content, error } = response;
  const texts = [stdout, stderr, output, content, error].filter((each) => typeof each === 'string' && each !== '');
  return texts.length > 0 ? texts.join('\n') : null;
}
