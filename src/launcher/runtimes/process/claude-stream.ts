import { z } from 'zod';
import { asText, logEvent, type StreamEvent, type StreamTranslator, type StreamVerdict, textContent } from './stream-translator.js';

const anything = z.record(z.string(), z.unknown());
const block = z.looseObject({ type: z.string() });
const message = z.looseObject({ message: z.looseObject({ content: z.union([z.string(), z.array(block)]) }) });
const tokens = z.number().int().min(0).catch(0);
const usage = z.looseObject({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_input_tokens: tokens,
  cache_creation_input_tokens: tokens,
});
const result = z.looseObject({
  is_error: z.boolean().catch(false),
  subtype: z.string().catch(''),
  result: z.unknown().optional(),
  errors: z.array(z.unknown()).optional().catch(undefined),
  total_cost_usd: z.number().min(0).catch(0),
  usage: usage.optional().catch(undefined),
  terminal_reason: z.string().optional().catch(undefined),
});
const init = z.looseObject({ session_id: z.string() });

/** Kinds of ACP for the tools of Claude Code that have one. */
const KINDS: Readonly<Record<string, string>> = {
  Read: 'read',
  NotebookRead: 'read',
  LS: 'search',
  Glob: 'search',
  Grep: 'search',
  Bash: 'execute',
  BashOutput: 'execute',
  KillShell: 'execute',
  Edit: 'edit',
  MultiEdit: 'edit',
  Write: 'edit',
  NotebookEdit: 'edit',
  WebFetch: 'fetch',
  WebSearch: 'fetch',
  Task: 'think',
  TodoWrite: 'think',
};

/** Claude Code's `--output-format stream-json` (2.1.329): whether a run succeeded is told by `result.is_error`, not by the exit code. */
export class ClaudeStream implements StreamTranslator {
  verdict: StreamVerdict | null = null;
  agentSessionId: string | null = null;

  translate(record: Readonly<Record<string, unknown>>): StreamEvent[] {
    switch (record['type']) {
      case 'system':
        return this.system(record);
      case 'assistant':
      case 'user':
        return this.message(record, record['type']);
      case 'result':
        return this.result(record);
      case 'stream_event':
        return [];
      default:
        return [logEvent('debug', JSON.stringify(record))];
    }
  }

  private system(record: Readonly<Record<string, unknown>>): StreamEvent[] {
    if (record['subtype'] === 'init') {
      this.agentSessionId = init.safeParse(record).data?.session_id ?? this.agentSessionId;
      return [];
    }
    const level = record['subtype'] === 'permission_denied' || record['subtype'] === 'api_retry' ? 'warn' : 'debug';
    return [logEvent(level, JSON.stringify(record))];
  }

  private message(record: Readonly<Record<string, unknown>>, role: 'assistant' | 'user'): StreamEvent[] {
    const parsed = message.safeParse(record);
    if (!parsed.success) return [logEvent('debug', JSON.stringify(record))];
    const { content } = parsed.data.message;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return blocks.flatMap((each) => this.block(each, role));
  }

  private block(each: Readonly<Record<string, unknown>>, role: 'assistant' | 'user'): StreamEvent[] {
    switch (each['type']) {
      case 'text':
        return [{ type: 'message', payload: { role, content: [{ type: 'text', text: asText(each['text']) }] } }];
      case 'thinking':
        return [{ type: 'thought', payload: { content: [{ type: 'text', text: asText(each['thinking']) }] } }];
      case 'tool_use':
        return [{ type: 'tool_call', payload: toolCall(each) }];
      case 'tool_result':
        return [{ type: 'tool_update', payload: toolResult(each) }];
      default:
        return [logEvent('debug', JSON.stringify(each))];
    }
  }

  private result(record: Readonly<Record<string, unknown>>): StreamEvent[] {
    const { is_error, subtype, result: text, errors, total_cost_usd, usage: used, terminal_reason } = result.parse(record);
    const reason = [asText(text), ...(errors ?? []).map(asText)].filter((each) => each !== '').join('; ');
    this.verdict =
      is_error || subtype.startsWith('error')
        ? { isSuccess: false, error: reason || subtype }
        : { isSuccess: true, stopReason: terminal_reason ?? 'end_turn' };
    const increment = {
      input: used?.input_tokens ?? 0,
      output: used?.output_tokens ?? 0,
      cacheRead: used?.cache_read_input_tokens ?? 0,
      cacheWrite: used?.cache_creation_input_tokens ?? 0,
      costUsd: total_cost_usd,
    };
    return [{ type: 'usage', payload: increment }];
  }
}

function toolCall(each: Readonly<Record<string, unknown>>): object {
  const name = asText(each['name']);
  const input = anything.safeParse(each['input']).data ?? {};
  const path = input['file_path'] ?? input['notebook_path'] ?? input['path'];
  const subject = typeof path === 'string' ? path : typeof input['command'] === 'string' ? input['command'] : '';
  return {
    toolCallId: asText(each['id']),
    title: `${name} ${subject}`.trim().slice(0, 512),
    kind: Object.hasOwn(KINDS, name) ? KINDS[name] : 'other',
    status: 'in_progress',
    rawInput: input,
    locations: typeof path === 'string' ? [{ path }] : [],
    content: [],
  };
}

function toolResult(each: Readonly<Record<string, unknown>>): object {
  const { content } = each;
  const text = Array.isArray(content)
    ? content.map((part: unknown) => asText(block.safeParse(part).data?.['text'] ?? part)).join('\n')
    : asText(content);
  return {
    toolCallId: asText(each['tool_use_id']),
    status: each['is_error'] === true ? 'failed' : 'completed',
    content: textContent(text),
  };
}
