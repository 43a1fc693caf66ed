import type { ApprovalOption } from '../approvals/approval.types.js';

/** Agents whose hooks are known; others may send the same form. */
export const KNOWN_AGENTS = ['claude-code', 'codex', 'gemini'] as const;

/** What an agent told, in the words of Claude Code, whichever agent it was. */
export interface Hook {
  /** The agent's own id of the conversation. */
  readonly nativeId: string;
  readonly event: string;
  readonly cwd: string | null;
  readonly toolName: string | null;
  readonly toolUseId: string | null;
  /** All that was sent, but for the id. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A tool call as an event shows it. */
export interface ShownCall {
  readonly toolCallId: string;
  readonly title: string;
  readonly kind: string;
  readonly rawInput: unknown;
  readonly locations: readonly { readonly path: string }[];
  readonly content: readonly Readonly<Record<string, unknown>>[];
}

/** What a hook comes to in the log of its session, in order. */
export type HookAct =
  /** The agent is at work again, if it was not. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'start'; readonly facts: object }
  | { readonly kind: 'turn-start'; readonly prompt: string }
  | {
      readonly kind: 'turn-end';
      readonly state: 'completed' | 'failed' | 'cancelled';
      readonly stopReason: string;
      readonly error?: string;
    }
  | { readonly kind: 'event'; readonly type: string; readonly payload: Readonly<Record<string, unknown>>; readonly id?: string }
  /** A piece of a message that is still being said. */
  | { readonly kind: 'piece'; readonly messageId: string; readonly text: string; readonly isLast: boolean }
  /** The question about this call is settled, however it was. */
  | { readonly kind: 'settled'; readonly toolCallId: string }
  | { readonly kind: 'leave'; readonly reason: string };

/** What an agent wants to be allowed, and waits for. */
export interface HookQuestion {
  readonly event: 'PermissionRequest' | 'PreToolUse';
  readonly call: ShownCall;
  readonly options: readonly ApprovalOption[];
  readonly takesEdits: boolean;
  /** What "always" means, in the agent's own form. */
  readonly suggestions: readonly unknown[];
}
