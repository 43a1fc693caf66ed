/** One thing that happened in a conversation. */
export class ConversationItemResponse {
  /** Its number in the log; of a tool call that of its first event. @example 17 */
  seq: number;
  /** @example '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b' */
  id: string;
  /** `message`, `thought`, `tool_call`, `log`, `approval`, `file_change` or `status`. @example 'message' */
  type: string;
  turn: number | null;
  /** `acp`, `hook`, `api`, `terminal`, `import` or `system`. @example 'acp' */
  source: string;
  actor: string;
  occurredAt: string;
  /** As in the log; of a tool call each field as it was told last, of a prompt with `role: "user"`. */
  payload: Record<string, unknown>;
  /** Of a tool call: when something was heard of it last. */
  updatedAt?: string;
  /** Of a tool call: the number of its last event. */
  updatedSeq?: number;
}

export class ConversationPageResponse {
  items: ConversationItemResponse[];
  /** Behind the last that was looked at. @example '5f1c3a4b.17' */
  cursor: string;
  /** Give it as `after` to read on; null at the end. */
  nextCursor: string | null;
  /** Give it as `before` to read what lies before this page; null at the beginning. */
  previousCursor: string | null;
}

/** What a person or the agent said. */
export class ConversationMessageResponse {
  /** @example 17 */
  seq: number;
  id: string;
  turn: number | null;
  /** `user` or `assistant`. @example 'assistant' */
  role: string;
  /** Its text blocks, one below the other. @example 'Hello' */
  text: string;
  /** Content blocks of the Agent Client Protocol, with `{blob, size, mimeType}` in the place of what is too large. */
  content: Record<string, unknown>[];
  occurredAt: string;
  /** Of a prompt that was sent here. */
  inputId?: string;
  /** It was cut off by a crash. @example false */
  isTruncated: boolean;
}

export class ConversationMessagePageResponse {
  items: ConversationMessageResponse[];
  /** Behind the last that was looked at. @example '5f1c3a4b.17' */
  cursor: string;
  /** Give it as `after` to read on; null at the end. */
  nextCursor: string | null;
  /** Give it as `before` to read what lies before this page; null at the beginning. */
  previousCursor: string | null;
}

/** The last thing the agent said. */
export class SessionResultResponse {
  sessionId: string;
  /** @example 'idle' */
  status: string;
  /** @example 17 */
  seq: number;
  messageId: string;
  turn: number | null;
  /** All of it, whatever its size. @example 'Done: three files changed.' */
  text: string;
  /** Content blocks of the Agent Client Protocol. */
  content: Record<string, unknown>[];
  occurredAt: string;
}
