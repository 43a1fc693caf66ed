import { z } from 'zod';
import { asText, logEvent, type StreamEvent, type StreamTranslator, type StreamVerdict, textContent } from './stream-translator.js';

const tokens = z.number().int().min(0).catch(0);
const usage = z.looseObject({ input_tokens: tokens, cached_input_tokens: tokens, output_tokens: tokens });
const item = z.looseObject({ id: z.string(), type: z.string() });
type Item = z.infer<typeof item>;
const failure = z.looseObject({ message: z.string().optional(), error: z.looseObject({ message: z.string() }).optional() });
const change = z.looseObject({ path: z.string(), kind: z.string().catch('update') });
const todo = z.looseObject({ text: z.string(), completed: z.boolean().catch(false) });

const CHANGES: Readonly<Record<string, string>> = { add: 'added', delete: 'deleted', update: 'modified' };

/** `codex exec --json` (0.169.0): `turn.completed` or `turn.failed` decides, not the exit code. Items of type `error` are warnings. */
export class CodexStream implements StreamTranslator {
  verdict: StreamVerdict | null = null;
  agentSessionId: string | null = null;
  private readonly begun = new Set<string>();

  translate(record: Readonly<Record<string, unknown>>): StreamEvent[] {
    switch (record['type']) {
      case 'thread.started':
        this.agentSessionId = typeof record['thread_id'] === 'string' ? record['thread_id'] : null;
        return [];
      case 'turn.started':
        return [];
      case 'turn.completed':
        this.verdict = { isSuccess: true, stopReason: 'end_turn' };
        return usageOf(record['usage']);
      case 'turn.failed':
        this.verdict = { isSuccess: false, error: messageOf(record) };
        return [];
      case 'error':
        return [logEvent('error', messageOf(record))];
      case 'item.started':
      case 'item.updated':
      case 'item.completed':
        return this.item(record['type'], record['item']);
      default:
        return [logEvent('debug', JSON.stringify(record))];
    }
  }

  private item(phase: string, value: unknown): StreamEvent[] {
    const parsed = item.safeParse(value);
    if (!parsed.success) return [logEvent('debug', asText(value))];
    const isOver = phase === 'item.completed';
    const each = parsed.data;
    switch (each.type) {
      case 'agent_message':
        return isOver ? [{ type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text: asText(each['text']) }] } }] : [];
      case 'reasoning':
        return isOver ? [{ type: 'thought', payload: { content: [{ type: 'text', text: asText(each['text']) }] } }] : [];
      case 'todo_list':
        return [
          {
            type: 'plan',
            payload: {
              entries: z
                .array(todo)
                .catch([])
                .parse(each['items'])
                .map(({ text, completed }) => ({ content: text, status: completed ? 'completed' : 'pending' })),
            },
          },
        ];
      case 'error':
        return isOver ? [logEvent('warn', messageOf(each))] : [];
      default:
        return this.tool(each, isOver);
    }
  }

  private tool(each: Item, isOver: boolean): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (!this.begun.has(each.id)) {
      this.begun.add(each.id);
      const { title, kind } = describe(each);
      events.push({
        type: 'tool_call',
        payload: {
          toolCallId: each.id,
          title: title.slice(0, 512),
          kind,
          status: 'in_progress',
          rawInput: each,
          locations: changesOf(each).map(({ path }) => ({ path })),
          content: [],
        },
      });
    }
    if (!isOver) return events;
    const hasFailed = each['status'] === 'failed' || (typeof each['exit_code'] === 'number' && each['exit_code'] !== 0);
    const output = each['aggregated_output'] ?? each['result'] ?? each['error'];
    events.push({
      type: 'tool_update',
      payload: {
        toolCallId: each.id,
        status: hasFailed ? 'failed' : 'completed',
        content: output === undefined || output === null ? [] : textContent(asText(output)),
      },
    });
    if (!hasFailed)
      for (const { path, kind } of changesOf(each))
        events.push({ type: 'file_change', payload: { path, change: CHANGES[kind] ?? 'modified' } });
    return events;
  }
}

function describe(each: Item): { title: string; kind: string } {
  switch (each.type) {
    case 'command_execution':
      return { title: asText(each['command']), kind: 'execute' };
    case 'file_change':
      return {
        title: `Change ${changesOf(each)
          .map(({ path }) => path)
          .join(', ')}`,
        kind: 'edit',
      };
    case 'mcp_tool_call':
      return { title: `${asText(each['server'])}.${asText(each['tool'])}`, kind: 'other' };
    case 'web_search':
      return { title: `Search ${asText(each['query'])}`, kind: 'fetch' };
    default:
      return { title: each.type, kind: 'other' };
  }
}

const changesOf = (each: Item) => (each.type === 'file_change' ? z.array(change).catch([]).parse(each['changes']) : []);

/** Codex counts what it read from the cache as input too; here each token is counted once. */
function usageOf(value: unknown): StreamEvent[] {
  const parsed = usage.safeParse(value);
  if (!parsed.success) return [];
  const { input_tokens, cached_input_tokens, output_tokens } = parsed.data;
  return [
    {
      type: 'usage',
      payload: { input: Math.max(0, input_tokens - cached_input_tokens), cacheRead: cached_input_tokens, output: output_tokens },
    },
  ];
}

function messageOf(record: Readonly<Record<string, unknown>>): string {
  const { error, message } = failure.catch({}).parse(record);
  return error?.message ?? message ?? JSON.stringify(record).slice(0, 2_000);
}
