import { answerTo, HookStory } from './hook-acts.js';
import { hookOf } from './hook-payload.js';
import type { Hook } from './hook.types.js';

const hook = (fields: object, agent = 'claude-code'): Hook => {
  const found = hookOf(agent, { session_id: 'n1', cwd: '/p', transcript_path: '/t', permission_mode: 'default', ...fields });
  if (!found) throw new Error('no hook');
  return found;
};
const acts = (story: HookStory, fields: object, agent = 'claude-code') => story.actsOf(agent, hook(fields, agent));

describe('a native payload', () => {
  it.each([
    null,
    'text',
    [],
    {},
    { session_id: 'x' },
    { hook_event_name: 'Stop' },
    { session_id: '', hook_event_name: 'Stop' },
    { session_id: 'x', hook_event_name: 'a b' },
    { session_id: 'x\u0000', hook_event_name: 'Stop' },
  ])('is none where it names no conversation or no event: %j', (payload) => expect(hookOf('claude-code', payload)).toBeNull());

  it('of Gemini has the names of Claude Code, and what it sends to its model is no news', () => {
    expect(hookOf('gemini', { session_id: 'g', hook_event_name: 'BeforeTool', tool_name: 'read_file' })).toMatchObject({
      event: 'PreToolUse',
    });
    expect(hookOf('gemini', { session_id: 'g', hook_event_name: 'BeforeModel', llm_request: {} })).toBeNull();
  });

  it('that Codex hands to notify is a whole turn', () => {
    const found = hookOf('codex', {
      type: 'agent-turn-complete',
      'thread-id': 't1',
      'turn-id': '7',
      'input-messages': ['fix it'],
      'last-assistant-message': 'done',
    });
    if (!found) throw new Error('no hook');
    expect(new HookStory().actsOf('codex', found)).toMatchObject([
      { kind: 'turn-start', prompt: 'fix it' },
      { kind: 'event', type: 'message', payload: { role: 'user' } },
      { kind: 'event', type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text: 'done' }] } },
      { kind: 'turn-end', state: 'completed' },
    ]);
  });
});

describe('what a hook comes to', () => {
  it('is a tool call with its change, and its result, with the fields that nobody knows', () => {
    const story = new HookStory();
    const call = { tool_name: 'Edit', tool_input: { file_path: '/p/a', old_string: 'x', new_string: 'y' }, tool_use_id: 'toolu_1' };
    expect(acts(story, { hook_event_name: 'PreToolUse', ...call, news: { of: 'tomorrow' } })).toMatchObject([
      { kind: 'wake' },
      {
        type: 'tool_call',
        payload: {
          toolCallId: 'toolu_1',
          title: 'Edit /p/a',
          kind: 'edit',
          status: 'in_progress',
          locations: [{ path: '/p/a' }],
          content: [{ type: 'diff', path: '/p/a', oldText: 'x', newText: 'y' }],
          hook: { permission_mode: 'default', news: { of: 'tomorrow' } },
        },
      },
    ]);
    expect(acts(story, { hook_event_name: 'PostToolUse', ...call, tool_response: { stdout: 'out', stderr: 'err' } })).toMatchObject([
      { kind: 'settled', toolCallId: 'toolu_1' },
      { type: 'tool_update', payload: { toolCallId: 'toolu_1', status: 'completed', content: [{ content: { text: 'out\nerr' } }] } },
    ]);
    expect(acts(story, { hook_event_name: 'PostToolUseFailure', ...call, error: 'Exit code 1' })).toMatchObject([
      { kind: 'settled' },
      { payload: { status: 'failed', content: [{ content: { text: 'Exit code 1' } }] } },
    ]);
  });

  it('ties a question, and the result, to the call where they do not name it', () => {
    const story = new HookStory();
    const call = { tool_name: 'Bash', tool_input: { command: 'make' } };
    acts(story, { hook_event_name: 'PreToolUse', ...call, tool_use_id: 'toolu_2' });
    const question = story.questionOf(
      'claude-code',
      hook({ hook_event_name: 'PermissionRequest', ...call, permission_suggestions: [{ type: 'x' }] }),
    );
    expect(question).toMatchObject({ call: { toolCallId: 'toolu_2', title: 'Bash make', kind: 'execute' }, takesEdits: true });
    expect(question?.options.map(({ kind }) => kind)).toEqual(['allow_once', 'allow_always', 'reject_once']);
    const began = acts(story, { hook_event_name: 'BeforeTool', ...call, tool_name: 'run_shell_command' }, 'gemini');
    const ended = acts(story, { hook_event_name: 'AfterTool', ...call, tool_name: 'run_shell_command' }, 'gemini');
    expect(JSON.stringify(ended)).toContain(JSON.stringify(began).match(/"toolCallId":"([^"]+)"/)?.[1]);
    expect(story.questionOf('claude-code', hook({ hook_event_name: 'Stop' }))).toBeNull();
  });

  it('says once what the agent said last', () => {
    const story = new HookStory();
    const stop = { hook_event_name: 'Stop', last_assistant_message: 'the end' };
    expect(acts(story, stop)).toMatchObject([{ type: 'message' }, { kind: 'turn-end' }]);
    expect(acts(story, stop)).toMatchObject([{ kind: 'turn-end', state: 'completed' }]);
    expect(acts(story, { hook_event_name: 'MessageDisplay', message_id: 'm', index: 0, final: false, delta: 'the ' })).toEqual([
      { kind: 'piece', messageId: 'm', text: 'the ', isLast: false },
    ]);
  });

  it('is opaque where nobody knows it', () => {
    expect(acts(new HookStory(), { hook_event_name: 'SomethingNew', deep: [1] })).toEqual([
      { kind: 'event', type: 'claude-code.SomethingNew', payload: expect.objectContaining({ deep: [1], cwd: '/p' }) },
    ]);
  });
});

describe('the answer to an agent', () => {
  const story = new HookStory();
  const ask = (event: string, agent = 'claude-code') => {
    const question = story.questionOf(
      agent,
      hook({ hook_event_name: event, tool_name: 'Bash', tool_input: {}, permission_suggestions: [{ type: 's' }] }),
    );
    if (!question) throw new Error('no question');
    return question;
  };
  it('has the form of its hook, with the reason, the changed input and what always means', () => {
    expect(answerTo(ask('PermissionRequest'), { isAllowed: true, isAlways: true, edits: { command: 'true' } })).toEqual({
      hookSpecificOutput: {
        hookEventName: 'PermissionRequest',
        decision: { behavior: 'allow', updatedInput: { command: 'true' }, updatedPermissions: [{ type: 's' }] },
      },
    });
    expect(answerTo(ask('PermissionRequest'), { isAllowed: false, isAlways: false, text: 'no!' })).toMatchObject({
      hookSpecificOutput: { decision: { behavior: 'deny', message: 'no!' } },
    });
    expect(answerTo(ask('PreToolUse'), { isAllowed: false, isAlways: false })).toMatchObject({
      hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: expect.any(String) },
    });
  });

  it('to Codex has nothing that makes it refuse', () => {
    const question = ask('PermissionRequest', 'codex');
    expect(question).toMatchObject({ takesEdits: false });
    expect(question.options.map(({ kind }) => kind)).toEqual(['allow_once', 'reject_once']);
    expect(answerTo(question, { isAllowed: true, isAlways: true })).toEqual({
      hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
    });
  });
});
