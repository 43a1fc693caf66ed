import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EventDraft } from '../../../events/event-log.types.js';
import { contentBlock, type ContentBlock, isKnownType } from '../../../events/event-payloads.types.js';
import type { SpoolRecord } from '../../host/agent-host.types.js';
import { AcpUsage, usageState } from './acp-usage.js';

/** What a record becomes, in order: text that goes out at once, and events. */
export type Translated =
  { readonly kind: 'delta'; readonly delta: TextDelta } | { readonly kind: 'event'; readonly draft: EventDraft; readonly raw?: unknown };

export interface TextDelta {
  readonly blockId: string;
  readonly turn: number | null;
  readonly kind: 'message' | 'thought';
  readonly text: string;
}

export interface TranslatorOptions {
  /** Begins the ids of all events, so that the same record always becomes the same events. */
  readonly hostId: string;
  readonly actor: string;
  readonly isResumed?: boolean;
}

interface OpenBlock {
  readonly blockId: string;
  /** Number of its first record. */
  readonly since: number;
  readonly turn: number | null;
  readonly author: 'assistant' | 'thought' | 'user';
  readonly messageId: string | null;
  readonly content: ContentBlock[];
  /** UTF-16 units of its text and data. */
  size: number;
}

/** What is known of a tool call before somebody has to decide about it. */
export interface KnownToolCall {
  readonly kind: string | null;
  readonly title: string | null;
}

export const translatorState = z.object({
  turn: z.number().nullable(),
  /** SHA-256 of the prompt, hex: whether the agent repeats it is all that is asked of it. */
  prompt: z.string(),
  tools: z.array(z.tuple([z.string(), z.object({ kind: z.string().nullable(), title: z.string().nullable() })])),
  usage: usageState,
});
export type TranslatorState = z.infer<typeof translatorState>;

const chunk = z.looseObject({ content: z.unknown(), messageId: z.string().nullish().catch(null) });
const toolCall = z.looseObject({ toolCallId: z.string().max(1_024) });

const AUTHORS = { agent_message_chunk: 'assistant', agent_thought_chunk: 'thought', user_message_chunk: 'user' } as const;
/** They say nothing about where a message ends. */
const ASIDES: readonly string[] = [
  'usage_update',
  'available_commands_update',
  'current_mode_update',
  'config_option_update',
  'session_info_update',
  'notice',
];
/** Calls that an agent never ended are forgotten past this many. */
const MAX_TOOLS = 1_000;
/** Of what is remembered of a call, in UTF-16 units. */
const MAX_REMEMBERED = 512;
/** A message that has grown to so many UTF-16 units is stored, and goes on as another: open text is in memory, and in every snapshot. */
const MAX_BLOCK = 1024 * 1024;
const TYPE = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * Turns the spool of an ACP host into session events. Pure: the same records give the same drafts, ids included. Nothing of the agent
 * is trusted to have the form it should have: what can't be understood becomes an opaque event.
 */
export class AcpTranslator {
  private turn: number | null = null;
  private prompt = digestOf('');
  private block: OpenBlock | null = null;
  private readonly tools = new Map<string, KnownToolCall>();
  private readonly usage: AcpUsage;

  constructor(private readonly options: TranslatorOptions) {
    this.usage = new AcpUsage(options.isResumed ?? false);
  }

  /** The turn under way, as the spool tells it. */
  get currentTurn(): number | null {
    return this.turn;
  }

  /** The record that began the text that is open; null where none is. What came before it is not needed to go on. */
  get openSince(): number | null {
    return this.block?.since ?? null;
  }

  /** What it knows, but for the text that is open: together with that text's records, enough to go on from elsewhere. */
  get state(): TranslatorState {
    return { turn: this.turn, prompt: this.prompt, tools: [...this.tools], usage: this.usage.state };
  }

  restore({ turn, prompt, tools, usage }: TranslatorState): void {
    this.turn = turn;
    this.prompt = prompt;
    tools.forEach(([id, known]) => this.tools.set(id, known));
    this.usage.restore(usage);
  }

  toolCall(toolCallId: string): KnownToolCall | undefined {
    return this.tools.get(toolCallId);
  }

  translate(record: SpoolRecord): Translated[] {
    switch (record.kind) {
      case 'prompt-started': {
        const closed = this.close(false);
        this.turn = record.turn;
        this.prompt = digestOf(record.text);
        return closed;
      }
      case 'update':
        return this.update(record.n, record.update);
      case 'permission':
      case 'quiet':
        return this.close(false);
      case 'prompt-finished': {
        const usage = 'usage' in record.answer ? this.usage.ofAnswer(record.answer.usage) : null;
        const isCutOff = !('stopReason' in record.answer) || record.answer.stopReason === 'cancelled';
        const events = [
          ...this.close(false),
          ...(isCutOff ? this.endTools(record.n) : []),
          ...(usage ? [this.event(record.n, 'usage', usage)] : []),
        ];
        this.turn = null;
        if (this.tools.size > MAX_TOOLS) this.tools.clear();
        return events;
      }
      case 'output':
        return [this.event(record.n, 'log', { level: 'debug', text: record.text, stream: record.stream })];
      case 'exit':
        return [...this.close(true), ...this.endTools(record.n)];
    }
  }

  private update(n: number, update: unknown): Translated[] {
    const kind = typeof update === 'object' && update !== null && 'sessionUpdate' in update ? update.sessionUpdate : undefined;
    if (kind === 'agent_message_chunk' || kind === 'agent_thought_chunk' || kind === 'user_message_chunk')
      return this.chunk(n, AUTHORS[kind], update);
    const closed = typeof kind === 'string' && ASIDES.includes(kind) ? [] : this.close(false);
    return [...closed, ...this.other(n, kind, update)];
  }

  private other(n: number, kind: unknown, update: unknown): Translated[] {
    switch (kind) {
      case 'tool_call':
      case 'tool_call_update':
        return [this.tool(n, kind, update)];
      case 'plan':
        return [this.event(n, 'plan', fieldsOf(update), update)];
      case 'usage_update': {
        const increment = this.usage.ofUpdate(update);
        if (increment === undefined) return [this.opaque(n, update)];
        return increment ? [this.event(n, 'usage', increment)] : [];
      }
      default:
        // An update of a newer protocol keeps its own name, unless that would pass it off as an event of ours.
        return typeof kind === 'string' && TYPE.test(kind) && !isKnownType(kind)
          ? [this.event(n, kind, fieldsOf(update))]
          : [this.opaque(n, update)];
    }
  }

  private chunk(n: number, author: OpenBlock['author'], update: unknown): Translated[] {
    const parsed = chunk.safeParse(update);
    const content = contentBlock.safeParse(parsed.data?.content);
    if (!parsed.success || !content.success) return [this.opaque(n, update)];
    const messageId = parsed.data.messageId ?? null;
    const isSame = this.block?.author === author && this.block.messageId === messageId;
    const closed = isSame ? [] : this.close(false);
    const block = (this.block ??= this.opened(n, author, messageId));
    add(block.content, content.data);
    block.size += sizeOf(content.data);
    const full = () => (block.size >= MAX_BLOCK ? this.close(false) : []);
    if (content.data.type !== 'text' || author === 'user') return [...closed, ...full()];
    const { blockId, turn } = block;
    return [
      ...closed,
      { kind: 'delta', delta: { blockId, turn, kind: author === 'thought' ? 'thought' : 'message', text: content.data.text } },
      ...full(),
    ];
  }

  private opened(n: number, author: OpenBlock['author'], messageId: string | null): OpenBlock {
    return { blockId: `${this.options.hostId}:b${n}`, since: n, turn: this.turn, author, messageId, content: [], size: 0 };
  }

  private tool(n: number, kind: 'tool_call' | 'tool_call_update', update: unknown): Translated {
    const parsed = toolCall.safeParse(update);
    if (!parsed.success) return this.opaque(n, update);
    const fields = fieldsOf(parsed.data);
    const { toolCallId } = parsed.data;
    const known = this.tools.get(toolCallId);
    this.tools.set(toolCallId, {
      kind: remembered(fields['kind']) ?? known?.kind ?? null,
      title: remembered(fields['title']) ?? known?.title ?? null,
    });
    const isOver = fields['status'] === 'completed' || fields['status'] === 'failed';
    if (isOver) this.tools.delete(toolCallId);
    if (kind === 'tool_call_update') return this.event(n, 'tool_update', fields, update);
    const defaults = { title: textOr(fields['name'], 'Tool call'), kind: 'other', status: 'pending', locations: [], content: [] };
    return this.event(n, 'tool_call', { ...defaults, ...fields }, update);
  }

  /** Calls under way when a turn is cut off: not every agent says how they ended (codex-acp 2.6.0). */
  private endTools(n: number): Translated[] {
    const open = [...this.tools.keys()];
    this.tools.clear();
    return open.map((toolCallId, index) => {
      const draft = this.draft(`${this.options.hostId}:${n}.${index}`, this.turn, 'tool_update', { toolCallId, status: 'failed' });
      return { kind: 'event', draft };
    });
  }

  /** The open text is whole now, or, where the agent died over it, truncated. */
  private close(isTruncated: boolean): Translated[] {
    const { block } = this;
    this.block = null;
    if (!block || block.content.length === 0) return [];
    const { blockId, turn, author, content } = block;
    const common = { content, blockId, ...(isTruncated ? { truncated: true } : {}) };
    if (author === 'thought') return [{ kind: 'event', draft: this.draft(blockId, turn, 'thought', common) }];
    // An agent that repeats the prompt says nothing new: it is in the log as the input.
    if (author === 'user' && digestOf(textOf(content)) === this.prompt) return [];
    return [{ kind: 'event', draft: this.draft(blockId, turn, 'message', { role: author, ...common }) }];
  }

  private opaque(n: number, update: unknown): Translated {
    return this.event(n, 'acp_update', { update });
  }

  private event(n: number, type: string, payload: object, raw?: unknown): Translated {
    return { kind: 'event', draft: this.draft(`${this.options.hostId}:${n}`, this.turn, type, payload), raw };
  }

  private draft(id: string, turn: number | null, type: string, payload: object): EventDraft {
    return { id, type, turn, source: 'acp', actor: this.options.actor, payload };
  }
}

/** The fields of an update; null means "unchanged" there, absent here. */
function fieldsOf(update: unknown): Record<string, unknown> {
  const entries = typeof update === 'object' && update !== null ? Object.entries(update) : [];
  return Object.fromEntries(entries.filter(([key, value]) => key !== 'sessionUpdate' && value !== null && value !== undefined));
}

function add(content: ContentBlock[], next: ContentBlock): void {
  const last = content.at(-1);
  if (last?.type === 'text' && next.type === 'text') content[content.length - 1] = { ...last, text: last.text + next.text };
  else content.push(next);
}

const textOf = (content: readonly ContentBlock[]): string => content.map((block) => (block.type === 'text' ? block.text : '')).join('');

const digestOf = (text: string): string => createHash('sha256').update(text.trim()).digest('hex');

/** Resources may hold much in fields of any name. */
const sizeOf = (block: ContentBlock): number =>
  block.type === 'text'
    ? block.text.length
    : 'data' in block && typeof block.data === 'string'
      ? block.data.length
      : JSON.stringify(block).length;

const remembered = (value: unknown): string | null => (typeof value === 'string' ? value.slice(0, MAX_REMEMBERED) : null);

const textOr = <T>(value: unknown, otherwise: T): string | T => (typeof value === 'string' ? value : otherwise);
