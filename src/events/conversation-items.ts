import { isJsonObject, type JsonObject, parseObject } from '../core/json.js';
import type { ConversationRow, ToolRow } from './persistence/conversation.store.js';

/** One thing that happened in a conversation. */
export interface ConversationItem extends Omit<ConversationRow, 'payload'> {
  readonly payload: JsonObject;
}

/** A tool call with all that was heard of it. */
export interface ToolCallItem extends ConversationItem {
  readonly updatedAt: string;
  readonly updatedSeq: number;
}

export interface ConversationMessage {
  readonly seq: number;
  readonly id: string;
  readonly turn: number | null;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  readonly content: readonly unknown[];
  readonly occurredAt: string;
  readonly inputId?: string;
  readonly isTruncated: boolean;
}

/** An input is what a person said. Undefined for the note that nobody knows whether it arrived: it was said before. */
export function itemOf(row: ConversationRow): ConversationItem | undefined {
  const payload = parseObject(row.payload);
  if (row.type !== 'input') return { ...row, payload };
  return payload['state'] === 'unknown' ? undefined : { ...row, type: 'message', payload: { role: 'user', ...payload } };
}

/** Undefined where it is neither a person's nor an assistant's. */
export function messageOf(row: ConversationRow): ConversationMessage | undefined {
  const item = itemOf(row);
  const role = item?.payload['role'];
  if (!item || (role !== 'user' && role !== 'assistant')) return undefined;
  const { seq, id, turn, occurredAt } = item;
  const { inputId, truncated } = item.payload;
  const content = contentOf(item.payload);
  const isTruncated = truncated === true;
  return {
    ...{ seq, id, turn, role, text: textOf(content), content, occurredAt, isTruncated },
    ...(typeof inputId === 'string' ? { inputId } : {}),
  };
}

/** Its content as a list: what is too large for an event stands as a reference in its place. */
export const contentOf = ({ content }: JsonObject): unknown[] =>
  Array.isArray(content) ? content.map((each: unknown) => each) : content === undefined ? [] : [content];

/** The text blocks of a content, one below the other. */
export const textOf = (content: readonly unknown[]): string =>
  content
    .flatMap((block) => (isJsonObject(block) && block['type'] === 'text' && typeof block['text'] === 'string' ? [block['text']] : []))
    .join('\n');

/** What a call is where nobody announced it. */
const UNANNOUNCED = { title: '', kind: 'other', status: 'in_progress', locations: [], content: [] };

/** Makes one of all events of a call, which come in order: each field as it was told last. */
export class ToolCallMerger {
  private readonly calls = new Map<string, ToolCallItem>();

  add({ callKey, payload: text, ...row }: ToolRow): void {
    const payload = parseObject(text);
    const known = this.calls.get(callKey);
    const merged = { ...(known?.payload ?? { ...UNANNOUNCED, title: String(payload['toolCallId']) }), ...payload };
    const { seq: updatedSeq, occurredAt: updatedAt } = row;
    this.calls.set(callKey, { ...(known ?? { ...row, type: 'tool_call' }), payload: merged, updatedSeq, updatedAt });
  }

  get(callKey: string): ToolCallItem | undefined {
    return this.calls.get(callKey);
  }
}
