/** An event as clients of agent-orchestrator send it. `content` is blocks by its documents; its hooks send texts too. */
export interface AoEvent {
  readonly event_type: string;
  readonly session_id: string;
  readonly session_name: string;
  readonly timestamp: string;
  readonly tool_name?: string | null;
  readonly tool_input?: Readonly<Record<string, unknown>> | null;
  readonly tool_output?: unknown;
  readonly error?: string | null;
  readonly exit_code?: number | null;
  readonly reason?: string | null;
  readonly role?: string | null;
  readonly content?: unknown;
}

/** What an event may say beside what it is about. */
export const AO_FIELDS = ['tool_name', 'tool_input', 'tool_output', 'error', 'exit_code', 'reason', 'role', 'content'] as const;
export type AoField = (typeof AO_FIELDS)[number];
export type AoFields = Readonly<Record<AoField, unknown>>;

/** An event as it is read back: what was not sent is null, and the name of the session is not told. */
export interface AoStoredEvent extends AoFields {
  readonly id: number;
  readonly session_id: string;
  readonly event_type: string;
  readonly timestamp: string;
}

/** A row of the list of sessions. */
export interface AoSession {
  readonly session_id: string;
  readonly session_name: string;
  readonly status: 'running' | 'finished';
  readonly created_at: string;
  readonly project_dir: string | null;
  readonly agent_name: string | null;
  readonly last_resumed_at: string | null;
}

/** Under this name sessions of the contract keep their ids, and payloads and metadata what has no place of ours. */
export const AO_SOURCE = 'agent-orchestrator';
export const AO_KEPT = 'agentOrchestrator';

/** ISO 8601 as Python writes it: `2026-11-20T14:00:00.123000+00:00`. */
export const pythonTime = (iso: string): string => iso.replace(/(\.\d{3})Z$/, '$1000+00:00');

/** A time that somebody wrote, as ours; undefined where it is none. Without a zone it is UTC. */
export function timeOf(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/i.exec(text.trim());
  if (!match) return undefined;
  const time = new Date(`${match[1]}T${match[2]?.replace(',', '.')}${match[3] ?? 'Z'}`);
  return Number.isNaN(time.getTime()) || !/^\d{4}-/.test(time.toISOString()) ? undefined : time.toISOString();
}
