import { isJsonObject, type JsonObject } from '../core/json.js';
import type { StoredEvent } from '../events/event-log.types.js';

/** What a digest is made of. */
export const DIGESTED_TYPES = ['input', 'message', 'tool_call', 'tool_update'] as const;

/** UTF-16 units of what somebody said that are kept, and of what a tool gave. */
const MAX_SAID = 8_000;
const MAX_RESULT = 600;
const MAX_TITLE = 200;
const BYTES_A_TOKEN = 4;

/** A rough count: four bytes of UTF-8 a token. */
export const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN);

interface ToolResult {
  readonly status: string | undefined;
  readonly text: string;
}

/**
 * A conversation as text, for an agent that was not there: what the user and the assistant said, and which tools were used with what
 * result, shortened. Events are given from the newest to the oldest, and the newest stay where not all has room.
 */
export class ConversationDigest {
  /** Newest first. */
  private readonly entries: string[] = [];
  private readonly results = new Map<string, ToolResult>();
  private left: number;
  private isCut = false;

  /** `without`: inputs that no agent was given. */
  constructor(
    budgetTokens: number,
    private readonly without: ReadonlySet<string>,
  ) {
    this.left = budgetTokens;
  }

  /** False where it has no room for this one, nor for any before it. */
  add(event: StoredEvent): boolean {
    const payload: unknown = event.payload === null ? null : JSON.parse(event.payload);
    const entry = isJsonObject(payload) ? this.entryOf(event, payload) : undefined;
    if (entry === undefined) return true;
    const text = quoted(entry);
    this.left -= tokensOf(text);
    this.isCut = this.left < 0;
    if (!this.isCut) this.entries.push(text);
    return !this.isCut;
  }

  /** Empty where nobody has said anything. */
  get text(): string {
    if (this.entries.length === 0) return '';
    const cut = this.isCut ? ['> (What came before this is left out.)'] : [];
    return [...cut, ...this.entries.toReversed()].join('\n>\n');
  }

  private entryOf({ type, source }: StoredEvent, payload: JsonObject): string | undefined {
    if (type === 'tool_call' || type === 'tool_update') return this.toolOf(type, payload);
    if (type === 'input' && (source === 'system' || this.without.has(String(payload['inputId'])))) return undefined;
    const role = type === 'input' ? 'user' : payload['role'];
    const said = shortened(textOf(payload['content']), MAX_SAID);
    if (said === '' || (role !== 'user' && role !== 'assistant')) return undefined;
    return `${role === 'user' ? 'User' : 'Assistant'}:\n${said}`;
  }

  /** The last update of a call comes first here; it is told where the call began. */
  private toolOf(type: string, payload: JsonObject): string | undefined {
    const id = String(payload['toolCallId']);
    const known = this.results.get(id);
    const status = known?.status ?? (typeof payload['status'] === 'string' ? payload['status'] : undefined);
    const result = { status, text: known?.text || shortened(resultOf(payload), MAX_RESULT) };
    this.results.set(id, result);
    if (type === 'tool_update') return undefined;
    this.results.delete(id);
    const title = shortened(plainText(payload['title']), MAX_TITLE).replace(/\s+/g, ' ');
    return `Tool: ${title} (${status ?? 'pending'})${result.text === '' ? '' : `\n${result.text}`}`;
  }
}

/** Every line of it: nothing in it can be taken for a line of its own. */
const quoted = (text: string): string => text.replace(/^/gm, '> ');

function shortened(text: string, max: number): string {
  const trimmed = text.trim();
  if (trimmed.length <= max) return trimmed;
  const head = Math.floor((max * 2) / 3);
  const leftOut = trimmed.length - max;
  return `${trimmed.slice(0, head)}\n[${leftOut} characters left out]\n${trimmed.slice(head + leftOut)}`.toWellFormed();
}

/** What is kept beside the log is named by its size. */
function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isJsonObject(value) && typeof value['size'] === 'number' ? `[${value['size']} bytes left out]` : '';
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return plainText(content);
  return content.map((block: unknown) => (isJsonObject(block) ? blockText(block) : '')).join('');
}

function blockText({ type, text, uri, name, resource }: JsonObject): string {
  if (type === 'text') return plainText(text);
  if (type === 'resource_link') return `[${plainText(name)} ${plainText(uri)}]`;
  if (type === 'resource' && isJsonObject(resource)) return `[${plainText(resource['uri'])}]`;
  return `[${String(type)}]`;
}

function resultOf({ content, rawOutput }: JsonObject): string {
  const shown = Array.isArray(content) ? content.filter(isJsonObject).map(shownText).filter(Boolean).join('\n') : plainText(content);
  if (shown !== '' || rawOutput === undefined || rawOutput === null) return shown;
  return typeof rawOutput === 'string' ? rawOutput : JSON.stringify(rawOutput);
}

function shownText({ type, content, path }: JsonObject): string {
  if (type === 'diff') return `[changed ${plainText(path)}]`;
  return type === 'content' && isJsonObject(content) ? blockText(content) : '';
}
