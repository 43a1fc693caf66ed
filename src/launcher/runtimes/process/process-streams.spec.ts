import { isKnownType, PAYLOADS } from '../../../events/event-payloads.types.js';
import { ClaudeStream } from './claude-stream.js';
import { CodexStream } from './codex-stream.js';
import { promptedCommand, promptText } from './prompt-text.js';
import type { StreamTranslator } from './stream-translator.js';

function run(translator: StreamTranslator, records: readonly Record<string, unknown>[]) {
  const events = records.flatMap((record) => translator.translate(record));
  for (const { type, payload } of events)
    if (isKnownType(type)) expect({ type, ok: PAYLOADS[type].safeParse(payload).success }).toEqual({ type, ok: true });
  return events.map(({ type, payload }) => ({ type, ...payload }));
}

describe('Claude Code stream-json', () => {
  it('becomes messages, thoughts, tools and usage; the result decides', () => {
    const stream = new ClaudeStream();
    const events = run(stream, [
      { subtype: 'init', session_id: 's1', type: 'system', cwd: '/w' },
      {
        type: 'assistant',
        message: {
          content: [
            { type: 'thinking', thinking: 'hm' },
            { type: 'text', text: 'Hi' },
            { type: 'tool_use', id: 't1', name: 'Write', input: { file_path: '/w/a', content: 'x' } },
          ],
        },
      },
      { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'ok' }] }] } },
      { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 't2', is_error: true, content: 'denied' }] } },
      {
        result: 'Hi',
        subtype: 'success',
        is_error: false,
        total_cost_usd: 0.5,
        usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 },
        type: 'result',
      },
    ]);
    expect(events.map(({ type }) => type)).toEqual(['thought', 'message', 'tool_call', 'tool_update', 'tool_update', 'usage']);
    expect(events[2]).toMatchObject({ toolCallId: 't1', title: 'Write /w/a', kind: 'edit', locations: [{ path: '/w/a' }] });
    expect(events[4]).toMatchObject({ status: 'failed', content: [{ content: { text: 'denied' } }] });
    expect(events[5]).toMatchObject({ input: 1, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.5 });
    expect(stream).toMatchObject({ agentSessionId: 's1', verdict: { isSuccess: true } });
  });

  it('is a failure where the result says so, whatever its subtype', () => {
    const stream = new ClaudeStream();
    run(stream, [{ type: 'result', subtype: 'success', is_error: true, result: 'API Error: 500' }]);
    expect(stream.verdict).toEqual({ isSuccess: false, error: 'API Error: 500' });
    run(stream, [{ type: 'result', subtype: 'error_during_execution', is_error: false, errors: ['no such id'] }]);
    expect(stream.verdict).toEqual({ isSuccess: false, error: 'no such id' });
  });

  it('survives records of any form', () => {
    const stream = new ClaudeStream();
    run(stream, [
      {},
      { type: 'assistant' },
      { type: 'assistant', message: { content: 7 } },
      { type: 'user', message: { content: 'text' } },
      { type: 'assistant', message: { content: [{ type: 'tool_use' }] } },
      { type: 'system' },
      { type: 'future' },
      { type: 'result', usage: 7, total_cost_usd: -1 },
    ]);
    expect(stream.verdict).toMatchObject({ isSuccess: true });
  });
});

describe('codex exec --json', () => {
  it('becomes messages, tools, changes and usage; the turn decides', () => {
    const stream = new CodexStream();
    const events = run(stream, [
      { type: 'thread.started', thread_id: 'th' },
      { type: 'turn.started' },
      { type: 'item.started', item: { id: 'i1', type: 'command_execution', command: 'ls', status: 'in_progress' } },
      {
        type: 'item.completed',
        item: { id: 'i1', type: 'command_execution', command: 'ls', aggregated_output: 'a\n', exit_code: 2, status: 'failed' },
      },
      { type: 'item.completed', item: { id: 'i2', type: 'file_change', changes: [{ path: '/w/a', kind: 'add' }], status: 'completed' } },
      { type: 'item.completed', item: { id: 'i3', type: 'error', message: 'just a warning' } },
      { type: 'item.completed', item: { id: 'i4', type: 'agent_message', text: 'done' } },
      { type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 2 } },
    ]);
    expect(events.map(({ type }) => type)).toEqual([
      'tool_call',
      'tool_update',
      'tool_call',
      'tool_update',
      'file_change',
      'log',
      'message',
      'usage',
    ]);
    expect(events[1]).toMatchObject({ status: 'failed' });
    expect(events[4]).toMatchObject({ path: '/w/a', change: 'added' });
    expect(events[7]).toMatchObject({ input: 6, cacheRead: 4, output: 2 });
    expect(stream).toMatchObject({ agentSessionId: 'th', verdict: { isSuccess: true } });
    run(stream, [{ type: 'turn.failed', error: { message: 'no model' } }]);
    expect(stream.verdict).toEqual({ isSuccess: false, error: 'no model' });
    run(stream, [{}, { type: 'item.completed' }, { type: 'item.completed', item: { id: 'x', type: 'new' } }, { type: 'error' }]);
  });
});

describe('a prompt for a command', () => {
  it('stands in place of {prompt}, else on stdin; no shell and no option can come of it', () => {
    expect(promptedCommand(['-p', '{prompt}'], 'a "b" $(c)')).toEqual({ args: ['-p', 'a "b" $(c)'], stdin: null });
    expect(promptedCommand(['{prompt}'], '--yolo {prompt}')).toEqual({ args: [' --yolo {prompt}'], stdin: null });
    expect(promptedCommand(['--text={prompt}'], 'a\u0000b')).toEqual({ args: ['--text=a\uFFFDb'], stdin: null });
    expect(promptedCommand(['-x'], 'hi')).toEqual({ args: ['-x'], stdin: 'hi' });
  });

  it('is text', () => {
    expect(
      promptText([
        { type: 'text', text: 'a' },
        { type: 'resource_link', uri: 'file:///x', name: 'x' },
      ]),
    ).toBe('a\nfile:///x');
    expect(promptText([{ type: 'image', data: '', mimeType: 'image/png' }])).toBeNull();
  });
});
