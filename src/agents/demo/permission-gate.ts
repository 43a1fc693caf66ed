import { PermissionOption, RequestPermissionOutcome, ToolCallUpdate } from '@agentclientprotocol/sdk';
import { SessionFeed } from './session-feed.js';

/** Whether a command may run. `cancelled` says that the client gave up the whole turn instead of answering. */
export type Permission = 'allowed' | 'rejected' | 'cancelled';

/** `default` asks before each command, `auto` never does. */
export const MODES = [
  { id: 'default', name: 'Default', description: 'Asks before it runs a command' },
  { id: 'auto', name: 'Auto', description: 'Runs commands without asking' },
] as const;

export type ModeId = (typeof MODES)[number]['id'];

const OPTIONS: readonly PermissionOption[] = [
  { optionId: 'allow_once', name: 'Allow once', kind: 'allow_once' },
  { optionId: 'allow_always', name: 'Allow always', kind: 'allow_always' },
  { optionId: 'reject_once', name: 'Reject', kind: 'reject_once' },
  { optionId: 'reject_always', name: 'Reject always', kind: 'reject_always' },
];

/**
 * Decides whether a session may run a command: by its mode, by an earlier "always", else by asking the client. Neither outlives the
 * process, so that a conversation which is loaded again asks again.
 */
export class PermissionGate {
  mode: ModeId = 'default';
  private always: Permission | null = null;

  /** @throws RequestError where the client can't be asked, or `signal` fires while it is (its request is then cancelled). */
  async ask(toolCall: ToolCallUpdate, feed: SessionFeed, signal: AbortSignal): Promise<Permission> {
    if (this.mode === 'auto') return 'allowed';
    if (this.always) return this.always;
    const { outcome } = await feed.client.request(
      'session/request_permission',
      { sessionId: feed.conversation.sessionId, toolCall, options: [...OPTIONS] },
      { cancellationSignal: signal, stopWaitingOnCancel: true },
    );
    return this.take(outcome);
  }

  private take(outcome: RequestPermissionOutcome): Permission {
    if (outcome.outcome === 'cancelled') return 'cancelled';
    const kind = OPTIONS.find(({ optionId }) => optionId === outcome.optionId)?.kind;
    const permission = kind === 'allow_once' || kind === 'allow_always' ? 'allowed' : 'rejected';
    if (kind === 'allow_always' || kind === 'reject_always') this.always = permission;
    return permission;
  }
}
