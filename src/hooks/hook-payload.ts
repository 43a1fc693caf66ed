import { isJsonObject, type JsonObject } from '../core/json.js';
import type { Hook } from './hook.types.js';

/** Gemini CLI 0.61 has names of its own for the same moments. */
const GEMINI_NAMES: Readonly<Record<string, string>> = {
  BeforeAgent: 'UserPromptSubmit',
  AfterAgent: 'Stop',
  BeforeTool: 'PreToolUse',
  AfterTool: 'PostToolUse',
};
/** The whole conversation, at each request of a model: nothing in them is news. */
const SKIPPED = ['BeforeModel', 'AfterModel', 'PostToolBatch'];
const MAX_ID = 200;

/** A native payload in one form; null where it names no conversation, or tells nothing. */
export function hookOf(agent: string, payload: unknown): Hook | null {
  if (!isJsonObject(payload)) return null;
  const given = agent === 'codex' && payload['type'] === 'agent-turn-complete' ? ofNotify(payload) : payload;
  const { session_id: id, hook_event_name: name, ...fields } = given;
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID || id.includes('\u0000') || !id.isWellFormed()) return null;
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name) || SKIPPED.includes(name)) return null;
  const event = agent === 'gemini' ? (GEMINI_NAMES[name] ?? name) : name;
  return {
    nativeId: id,
    event,
    cwd: textOf(fields['cwd']),
    toolName: textOf(fields['tool_name']),
    toolUseId: textOf(fields['tool_use_id']),
    fields,
  };
}

/** The program that Codex calls at the end of a turn (`notify` in its configuration) gets less, in other words. */
function ofNotify({ 'thread-id': thread, 'turn-id': turn, 'last-assistant-message': last, ...rest }: JsonObject): JsonObject {
  return { ...rest, session_id: thread, turn_id: turn, hook_event_name: 'TurnComplete', last_assistant_message: last };
}

export const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
