import { hash } from 'node:crypto';
import { newId } from '../core/ids.js';
import { isJsonObject } from '../core/json.js';
import type { Hook, HookAct, HookQuestion, ShownCall } from './hook.types.js';
import { textOf } from './hook-payload.js';
import { shownCall, shownResult } from './shown-call.js';

/** Fields that an event shows otherwise, or that are the same in all hooks of a conversation. */
const SHOWN = [
  'cwd',
  'transcript_path',
  'tool_name',
  'tool_use_id',
  'tool_input',
  'tool_response',
  'prompt',
  'prompt_response',
  'last_assistant_message',
  'error',
];
/** Calls under way that are remembered, of agents that never tell of their end. */
const MAX_CALLS = 200;

/** What is known of a conversation between its hooks; lost with a restart, which costs no more than links between events. */
export class HookStory {
  /** Ids of calls under way, by what they do: not every hook names its call. */
  private readonly calls = new Map<string, string>();
  /** Of what the agent said last, so that the end of the turn does not repeat it. */
  private lastText: string | null = null;

  /** The agent has said this. */
  saidLast(text: string): void {
    this.lastText = digest(text.trim());
  }

  /** What a hook comes to. Pure but for what is remembered. */
  actsOf(agent: string, hook: Hook): HookAct[] {
    const { event, fields } = hook;
    switch (event) {
      case 'SessionStart':
        return [{ kind: 'start', facts: rest(fields) }];
      case 'UserPromptSubmit':
        return this.prompted(textOf(fields['prompt']) ?? '', fields);
      case 'PreToolUse':
        return this.toolBegan(hook);
      case 'PostToolUse':
        return this.toolEnded(hook, 'completed');
      case 'PostToolUseFailure':
        return this.toolEnded(hook, 'failed');
      case 'MessageDisplay':
        return this.piece(fields);
      case 'Stop':
        return [...this.said(fields), { kind: 'turn-end', state: 'completed', stopReason: 'end_turn' }];
      case 'TurnComplete':
        return this.turnComplete(fields);
      case 'StopFailure':
        return [
          { kind: 'turn-end', state: 'failed', stopReason: 'error', error: textOf(fields['error']) ?? 'the agent reported an error' },
        ];
      case 'Notification':
        return [
          {
            kind: 'event',
            type: 'log',
            payload: { level: 'info', text: textOf(fields['message']) ?? '', hook: rest(fields, ['message']) },
          },
        ];
      case 'SessionEnd':
        return [{ kind: 'leave', reason: textOf(fields['reason']) ?? 'the agent has left' }];
      case 'PermissionRequest':
        return [];
      default:
        return [{ kind: 'event', type: `${agent}.${event}`, payload: { ...fields } }];
    }
  }

  /** What the agent wants to be allowed; null where it asks nothing. */
  questionOf(agent: string, hook: Hook): HookQuestion | null {
    const { event, toolName, fields } = hook;
    if ((event !== 'PermissionRequest' && event !== 'PreToolUse') || toolName === null) return null;
    // Codex refuses what an answer changes beyond yes and no.
    const isClaude = agent !== 'codex';
    const suggestions =
      isClaude && event === 'PermissionRequest' && Array.isArray(fields['permission_suggestions']) ? fields['permission_suggestions'] : [];
    return {
      event,
      call: this.callOf(hook),
      options: [
        { optionId: 'allow_once', name: 'Allow once', kind: 'allow_once' },
        ...(suggestions.length > 0
          ? [{ optionId: 'allow_always', name: 'Allow, and as the agent suggests from now on', kind: 'allow_always' }]
          : []),
        { optionId: 'reject_once', name: 'Reject', kind: 'reject_once' },
      ],
      takesEdits: isClaude,
      suggestions,
    };
  }

  private prompted(prompt: string, fields: Hook['fields']): HookAct[] {
    this.lastText = null;
    const payload = { role: 'user', content: [{ type: 'text', text: prompt }], hook: rest(fields) };
    return [
      { kind: 'turn-start', prompt },
      { kind: 'event', type: 'message', payload },
    ];
  }

  private toolBegan(hook: Hook): HookAct[] {
    const call = this.callOf(hook);
    return [{ kind: 'wake' }, { kind: 'event', type: 'tool_call', payload: { ...call, status: 'in_progress', hook: rest(hook.fields) } }];
  }

  private toolEnded(hook: Hook, status: 'completed' | 'failed'): HookAct[] {
    const { toolCallId } = this.callOf(hook);
    this.calls.delete(keyOf(hook));
    const { fields } = hook;
    const text = status === 'failed' ? textOf(fields['error']) : shownResult(fields['tool_response']);
    const payload = {
      toolCallId,
      status,
      ...(fields['tool_response'] === undefined ? {} : { rawOutput: fields['tool_response'] }),
      ...(text === null ? {} : { content: [{ type: 'content', content: { type: 'text', text } }] }),
      hook: rest(fields),
    };
    return [
      { kind: 'settled', toolCallId },
      { kind: 'event', type: 'tool_update', payload },
    ];
  }

  private piece(fields: Hook['fields']): HookAct[] {
    const messageId = textOf(fields['message_id']);
    if (messageId === null || messageId.length > 128) return [];
    return [{ kind: 'piece', messageId, text: textOf(fields['delta']) ?? '', isLast: fields['final'] === true }];
  }

  private said(fields: Hook['fields']): HookAct[] {
    const text = textOf(fields['last_assistant_message']) ?? textOf(fields['prompt_response']);
    if (text === null || digest(text.trim()) === this.lastText) return [];
    this.saidLast(text);
    return [{ kind: 'event', type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text }], hook: rest(fields) } }];
  }

  /** All of a turn at its end, where nobody told of its beginning. */
  private turnComplete(fields: Hook['fields']): HookAct[] {
    const prompts = Array.isArray(fields['input-messages']) ? fields['input-messages'].filter((each) => typeof each === 'string') : [];
    const { 'input-messages': _, ...others } = fields;
    return [
      ...this.prompted(prompts.join('\n'), others),
      ...this.said(others),
      { kind: 'turn-end', state: 'completed', stopReason: 'end_turn' },
    ];
  }

  private callOf(hook: Hook): ShownCall {
    const key = keyOf(hook);
    const toolCallId = (hook.toolUseId ?? this.calls.get(key) ?? newId()).slice(0, 128);
    if (hook.event !== 'PermissionRequest') this.calls.set(key, toolCallId);
    for (const oldest of this.calls.keys()) {
      if (this.calls.size <= MAX_CALLS) break;
      this.calls.delete(oldest);
    }
    return shownCall(toolCallId, hook.toolName ?? 'tool', hook.fields['tool_input']);
  }
}

const digest = (text: string): string => hash('sha256', text, 'base64');

const keyOf = ({ toolName, fields }: Hook): string => digest(JSON.stringify([toolName, fields['tool_input']]));

const rest = (fields: Hook['fields'], more: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !SHOWN.includes(key) && !more.includes(key)));

/** What an agent is answered, in its own form. */
export function answerTo(
  { event, suggestions }: HookQuestion,
  { isAllowed, isAlways, text, edits }: { isAllowed: boolean; isAlways: boolean; text?: string; edits?: unknown },
): Record<string, unknown> {
  const updatedInput = isAllowed && isJsonObject(edits) ? { updatedInput: edits } : {};
  const message = text ?? (isAllowed ? 'Allowed in Muster.' : 'Rejected in Muster.');
  if (event === 'PreToolUse')
    return output(event, { permissionDecision: isAllowed ? 'allow' : 'deny', permissionDecisionReason: message, ...updatedInput });
  const always = isAlways && suggestions.length > 0 ? { updatedPermissions: suggestions } : {};
  const decision = isAllowed ? { behavior: 'allow', ...updatedInput, ...always } : { behavior: 'deny', message };
  return output(event, { decision });
}

const output = (hookEventName: string, fields: object) => ({ hookSpecificOutput: { hookEventName, ...fields } });
