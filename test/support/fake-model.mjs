#!/usr/bin/env node
// A fake model API for driving real coding agents offline. No dependencies.
//
//   node fake-model.mjs [--port 8911] [--log requests.jsonl] [--until-stdin-closes]
//
// --port 0 picks a free one; --until-stdin-closes ends the server with whoever started it.
// Prints one JSON line when ready: {"ready":true,"port":8911}. Serves, streaming or not:
//   Anthropic Messages       POST /v1/messages, /v1/messages/count_tokens
//   OpenAI Chat Completions  POST /v1/chat/completions
//   OpenAI Responses         POST /v1/responses
//   Gemini                   POST /v1beta/models/M:generateContent | :streamGenerateContent | :countTokens
//
// What it does is read from the user's latest prompt, one directive a line:
//   say:TEXT        answer TEXT, in several deltas
//   run:CMD         call the agent's shell tool with CMD; several run: lines make several turns.
//                   After the last result, answer "done: <first line of that result>"
//   ask:CMD         like run:, and where the agent would not ask (Codex in its sandbox) the call demands to leave the sandbox
//   write:PATH TEXT call the agent's file-writing tool, or Codex's apply_patch (then "done: ..." as above)
//   tool:NAME JSON  call any offered tool with these arguments (then "done: ..." as above)
//   think:TEXT      stream TEXT as reasoning first (Anthropic, Responses and Gemini)
//   slow:N          spread the answer over N seconds
//   fail:STATUS     answer with that HTTP status; fail:STATUSxN only the first N times
// Anything else is answered "echo: <prompt>".
// A request that offers no tools (title generation and the like) never gets a tool call, and one that
// demands JSON of some schema gets the plainest JSON that fits it.

import http from 'node:http';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';

const flag = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const PORT = Number(flag('port', process.env.FAKE_MODEL_PORT ?? 8911));
const LOG = flag('log', process.env.FAKE_MODEL_LOG);
const SHELL =
  /^(bash|shell|shell_command|local_shell|exec_command|run_shell_command|run_command|run_commands|execute_command|run_terminal_cmd|terminal)$/i;
const WRITE = /^(write|write_file|write_to_file|create_file|create|editor)$/i;
const USAGE = { in: 100, out: 20 };

const id = (prefix) => `${prefix}_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
const list = (x) => (Array.isArray(x) ? x : x == null ? [] : [x]);
/** All text inside a message's content, whichever API's shape it has. */
const textOf = (content) =>
  list(content)
    .map((p) => (typeof p === 'string' ? p : (p.text ?? p.output ?? (p.content && textOf(p.content)) ?? '')))
    .join('\n');

// ---- what was asked -------------------------------------------------------------------------

/** The conversation as a list of {user: text} and {result: text}, in order. */
const conversation = {
  anthropic: (b) =>
    b.messages.flatMap((m) =>
      m.role !== 'user'
        ? []
        : list(m.content).map((p) =>
            p.type === 'tool_result' ? { result: textOf(p.content) } : { user: typeof p === 'string' ? p : (p.text ?? '') },
          ),
    ),
  chat: (b) =>
    b.messages.flatMap((m) =>
      m.role === 'user' ? [{ user: textOf(m.content) }] : m.role === 'tool' ? [{ result: textOf(m.content) }] : [],
    ),
  responses: (b) =>
    (typeof b.input === 'string' ? [{ role: 'user', content: b.input }] : b.input).flatMap((i) =>
      /_call_output$/.test(i.type ?? '')
        ? [{ result: textOf(i.output) }]
        : i.role === 'user'
          ? list(i.content).map((p) => ({ user: textOf(p) }))
          : [],
    ),
  gemini: (b) =>
    list(b.contents).flatMap((c) =>
      c.role === 'model'
        ? []
        : list(c.parts).map((p) => {
            const r = p.functionResponse?.response;
            return r ? { result: String(r.output ?? r.error ?? JSON.stringify(r)) } : { user: p.text ?? '' };
          }),
    ),
};

/** The tools on offer as {name, type, schema}. */
const offered = {
  anthropic: (b) => list(b.tools).map((t) => ({ name: t.name, schema: t.input_schema })),
  chat: (b) => list(b.tools).map((t) => ({ name: t.function?.name, schema: t.function?.parameters })),
  responses: (b) =>
    // codex puts the tools of models it knows into an input item, inside namespaces
    [...list(b.tools), ...list(b.input).flatMap((i) => (i.type === 'additional_tools' ? i.tools : []))].flatMap((t) =>
      t.tools
        ? t.tools.map((u) => ({ name: u.name, type: u.type, schema: u.parameters, namespace: t.name }))
        : [{ name: t.name ?? t.type, type: t.type, schema: t.parameters }],
    ),
  gemini: (b) =>
    list(b.tools).flatMap((t) =>
      list(t.functionDeclarations).map((f) => ({ name: f.name, schema: f.parametersJsonSchema ?? f.parameters })),
    ),
};

const DIRECTIVE = /^\s*(say|run|ask|write|tool|think|slow|fail):[ \t]*(.*?)\s*$/gm;

/** The latest user prompt (reminders that agents inject left out) and the tool results since. */
function latest(turns) {
  const results = [];
  for (const turn of turns.toReversed()) {
    if (turn.result != null) {
      results.unshift(turn.result);
      continue;
    }
    const text = turn.user
      .replace(/<(system-reminder|environment_context|user_instructions|permissions instructions)>[\s\S]*?<\/\1>/g, '')
      .trim()
      .replace(/^"([\s\S]*)"$/, (_, inner) => inner.replaceAll('\\"', '"')); // opencode run quotes its arguments
    if (text && (results.length === 0 || text.match(DIRECTIVE))) return { prompt: text, results };
  }
  return { prompt: '', results };
}

/** The value of a JSON text, undefined where it is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first line of what the command printed, out of the wrapping agents put around it. */
function firstLine(result) {
  const [first] = list(parsed(result));
  const text = String(first?.output ?? first?.result ?? result).replace(/^[\s\S]*?^Output:[ \t]*\n?/m, '');
  return (
    text
      .split('\n')
      .map((l) => l.trim())
      .find(Boolean) ?? ''
  );
}

/** The plainest value that fits a JSON schema (upper-case type names are Gemini's). */
function sample(schema) {
  const s = schema?.anyOf?.[0] ?? schema?.oneOf?.[0] ?? schema ?? {};
  if (s.enum) return s.enum[0];
  if (s.const !== undefined) return s.const;
  switch (String(list(s.type)[0] ?? (s.properties ? 'object' : 'string')).toLowerCase()) {
    case 'object':
      return Object.fromEntries((s.required ?? []).map((key) => [key, sample(s.properties?.[key])]));
    case 'array':
      return [];
    case 'boolean':
      return false;
    case 'number':
    case 'integer':
      return s.minimum ?? 1;
    case 'null':
      return null;
    default:
      return 'fake';
  }
}

/** Arguments for `tool`: `known` is a list of [name pattern, value, value where an array is wanted]. */
function argumentsFor(tool, known) {
  const args = sample({ type: 'object', ...tool.schema });
  for (const [key, p] of Object.entries(tool.schema?.properties ?? {})) {
    const hit = known.find(([pattern]) => pattern.test(key));
    if (hit) args[key] = /array/i.test(list(p.type)[0]) ? (hit[2] ?? [hit[1]]) : hit[1];
  }
  return args;
}

function writeCall(step, tools) {
  const [, path, text] = step.value.match(/^(\S+)\s*(.*)$/);
  const tool = tools.find((t) => WRITE.test(t.name));
  if (tool) {
    const known = [
      [/path/i, path],
      [/content|text/i, text],
    ];
    return { tool, args: argumentsFor(tool, known) };
  }
  const patch = tools.find((t) => t.type === 'custom' && t.name === 'apply_patch');
  return patch && { tool: patch, args: { input: `*** Begin Patch\n*** Add File: ${path}\n+${text}\n*** End Patch\n` } };
}

function callFor(step, tools) {
  if (step.verb === 'tool') {
    const [, name, json] = step.value.match(/^(\S+)\s*(.*)$/);
    return { tool: tools.find((t) => t.name === name) ?? { name }, args: JSON.parse(json || '{}') };
  }
  if (step.verb === 'write') return writeCall(step, tools);
  const asking = step.verb === 'ask' ? { sandbox_permissions: 'require_escalated', justification: 'The script asks first.' } : {};
  const tool = tools.find((t) => SHELL.test(t.name));
  const script = tools.find((t) => t.type === 'custom' && t.name === 'exec'); // codex's "code mode": JavaScript over the tools
  if (!tool && script) {
    const input = `const r = await tools.exec_command(${JSON.stringify({ cmd: step.value, ...asking })}); text(r.output ?? r)`;
    return { tool: script, args: { input } };
  }
  if (!tool) return null;
  const argv = ['bash', '-lc', step.value];
  if (tool.type === 'local_shell') return { tool, args: argv };
  const many = /^run_commands$/.test(tool.name) ? [step.value] : argv;
  return {
    tool,
    args: argumentsFor(tool, [
      [/^(cmd|command|commands)$/i, step.value, many],
      [/^description$/i, 'Run the scripted command'],
      ...Object.entries(asking).map(([key, value]) => [new RegExp(`^${key}$`), value]),
    ]),
  };
}

/** The JSON schema the answer must fit, where the request demands one. */
const answerSchema = (b) =>
  b.generationConfig?.responseJsonSchema ??
  b.generationConfig?.responseSchema ??
  b.response_format?.json_schema?.schema ??
  b.text?.format?.schema ??
  b.output_config?.format?.schema ??
  b.output_format?.schema;

const failures = new Map();

/** What to answer: {status} | {call: {tool, args}} | {text}, with {seconds, think}. */
function plan(turns, tools, schema) {
  const { prompt, results } = latest(turns);
  const steps = [...prompt.matchAll(DIRECTIVE)].map(([, verb, value]) => ({ verb, value }));
  const value = (verb) => steps.find((s) => s.verb === verb)?.value;
  const fail = value('fail')?.match(/^(\d{3})(?:x(\d+))?/);
  if (fail) {
    const seen = failures.get(prompt) ?? 0;
    failures.set(prompt, seen + 1);
    if (seen < Number(fail[2] ?? Infinity)) return { status: Number(fail[1]), prompt };
  }
  const common = { seconds: Number(value('slow') ?? 0), think: results.length ? undefined : value('think'), prompt };
  const calls = steps.filter((s) => /^(run|ask|write|tool)$/.test(s.verb));
  const call = calls[results.length] && tools.length > 0 && callFor(calls[results.length], tools);
  if (call) return { ...common, call };
  if (schema) return { ...common, text: JSON.stringify(sample(schema)) };
  if (results.length) return { ...common, text: value('say') ?? `done: ${firstLine(results.at(-1))}` };
  const text = value('say') ?? (fail ? 'recovered' : common.seconds ? `slow for ${common.seconds}s` : `echo: ${prompt.slice(0, 200)}`);
  return { ...common, text };
}

/** Text in about three pieces, or one a half second where the answer is slow. */
function pieces(text, seconds) {
  const count = Math.max(3, Math.ceil(seconds * 2));
  const words = text.split(text.includes(' ') ? /(?<=\s)/ : /(?<=.)/su);
  if (seconds) while (words.length < count) words.push('.');
  const n = Math.min(count, words.length);
  const cut = (i) => Math.floor((i * words.length) / n);
  return Array.from({ length: n }, (_, i) => words.slice(cut(i), cut(i + 1)).join(''));
}

async function* paced(answer) {
  const parts = pieces(answer.text, answer.seconds);
  for (const part of parts) {
    await sleep((answer.seconds * 1000) / parts.length);
    yield part;
  }
}

// ---- the four wire formats: each an async generator of [event name or null, data] ---------------

async function* anthropic(answer, model) {
  const usage = { input_tokens: USAGE.in, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 };
  yield [
    'message_start',
    {
      type: 'message_start',
      message: {
        id: id('msg'),
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    },
  ];
  let index = 0;
  const block = function* (start, deltas) {
    yield ['content_block_start', { type: 'content_block_start', index, content_block: start }];
    for (const delta of deltas) yield ['content_block_delta', { type: 'content_block_delta', index, delta }];
    yield ['content_block_stop', { type: 'content_block_stop', index: index++ }];
  };
  if (answer.think)
    yield* block({ type: 'thinking', thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking: answer.think },
      { type: 'signature_delta', signature: 'ZmFrZQ==' },
    ]);
  if (answer.call) {
    const json = JSON.stringify(answer.call.args);
    yield* block(
      { type: 'tool_use', id: id('toolu'), name: answer.call.tool.name, input: {} },
      [json.slice(0, 5), json.slice(5)].map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    );
  } else {
    yield ['content_block_start', { type: 'content_block_start', index, content_block: { type: 'text', text: '' } }];
    for await (const text of paced(answer))
      yield ['content_block_delta', { type: 'content_block_delta', index, delta: { type: 'text_delta', text } }];
    yield ['content_block_stop', { type: 'content_block_stop', index }];
  }
  yield [
    'message_delta',
    {
      type: 'message_delta',
      usage: { output_tokens: USAGE.out },
      delta: { stop_reason: answer.call ? 'tool_use' : 'end_turn', stop_sequence: null },
    },
  ];
  yield ['message_stop', { type: 'message_stop' }];
}

async function* chat(answer, model) {
  const base = { id: id('chatcmpl'), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model };
  const chunk = (delta, finish_reason = null) => [null, { ...base, choices: [{ index: 0, delta, finish_reason }] }];
  yield chunk({ role: 'assistant', content: '' });
  if (answer.call) {
    const fn = { name: answer.call.tool.name, arguments: JSON.stringify(answer.call.args) };
    yield chunk({ tool_calls: [{ index: 0, id: id('call'), type: 'function', function: fn }] });
  } else for await (const content of paced(answer)) yield chunk({ content });
  yield chunk({}, answer.call ? 'tool_calls' : 'stop');
  yield [
    null,
    { ...base, choices: [], usage: { prompt_tokens: USAGE.in, completion_tokens: USAGE.out, total_tokens: USAGE.in + USAGE.out } },
  ];
  yield [null, '[DONE]'];
}

async function* responses(answer, model) {
  let sequence_number = 0;
  const event = (type, data) => [type, { type, sequence_number: sequence_number++, ...data }];
  const response = {
    id: id('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: 'in_progress',
    model,
    output: [],
  };
  yield event('response.created', { response });
  const item = function* (done, started) {
    const output_index = response.output.length;
    yield event('response.output_item.added', { output_index, item: { ...done, ...started, status: 'in_progress' } });
    yield event('response.output_item.done', { output_index, item: done });
    response.output.push(done);
  };
  if (answer.think)
    yield* item({ id: id('rs'), type: 'reasoning', summary: [{ type: 'summary_text', text: answer.think }] }, { summary: [] });
  if (answer.call) {
    const { tool, args } = answer.call;
    const common = { call_id: id('call'), status: 'completed' };
    const namespace = tool.namespace ? { namespace: tool.namespace } : {};
    if (tool.type === 'local_shell')
      yield* item({ ...common, id: id('lsh'), type: 'local_shell_call', action: { type: 'exec', command: args, env: {} } });
    else if (tool.type === 'custom')
      yield* item(
        { ...common, id: id('ctc'), type: 'custom_tool_call', name: tool.name, ...namespace, input: args.input ?? JSON.stringify(args) },
        { input: '' },
      );
    else
      yield* item(
        { ...common, id: id('fc'), type: 'function_call', name: tool.name, ...namespace, arguments: JSON.stringify(args) },
        { arguments: '' },
      );
  } else {
    const at = { item_id: id('msg'), output_index: response.output.length, content_index: 0 };
    const message = { id: at.item_id, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    yield event('response.output_item.added', { output_index: at.output_index, item: message });
    yield event('response.content_part.added', { ...at, part: { type: 'output_text', text: '', annotations: [] } });
    let text = '';
    for await (const delta of paced(answer)) {
      text += delta;
      yield event('response.output_text.delta', { ...at, delta });
    }
    const part = { type: 'output_text', text, annotations: [] };
    yield event('response.output_text.done', { ...at, text });
    yield event('response.content_part.done', { ...at, part });
    const done = { ...message, status: 'completed', content: [part] };
    yield event('response.output_item.done', { output_index: at.output_index, item: done });
    response.output.push(done);
  }
  yield event('response.completed', {
    response: {
      ...response,
      status: 'completed',
      usage: {
        input_tokens: USAGE.in,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: USAGE.out,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: USAGE.in + USAGE.out,
      },
    },
  });
}

async function* gemini(answer, model) {
  const chunk = (parts, finishReason) => [
    null,
    {
      candidates: [{ index: 0, content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}) }],
      usageMetadata: { promptTokenCount: USAGE.in, candidatesTokenCount: USAGE.out, totalTokenCount: USAGE.in + USAGE.out },
      modelVersion: model,
    },
  ];
  if (answer.think) yield chunk([{ text: answer.think, thought: true }]);
  if (answer.call) yield chunk([{ functionCall: { id: id('call'), name: answer.call.tool.name, args: answer.call.args } }]);
  else for await (const text of paced(answer)) yield chunk([{ text }]);
  yield chunk([{ text: '' }], 'STOP');
}

const streams = { anthropic, chat, responses, gemini };

/** The same answer as one JSON body, for requests that do not stream. */
async function whole(format, answer, model) {
  const events = [];
  for await (const [, data] of streams[format](answer, model)) events.push(data);
  const call = answer.call && { name: answer.call.tool.name, args: answer.call.args };
  if (format === 'responses') return events.at(-1).response;
  if (format === 'anthropic')
    return {
      ...events[0].message,
      stop_reason: call ? 'tool_use' : 'end_turn',
      content: [call ? { type: 'tool_use', id: id('toolu'), name: call.name, input: call.args } : { type: 'text', text: answer.text }],
    };
  if (format === 'chat') {
    const tool_calls = call && [{ id: id('call'), type: 'function', function: { name: call.name, arguments: JSON.stringify(call.args) } }];
    return {
      ...events[0],
      object: 'chat.completion',
      usage: events.at(-2).usage,
      choices: [
        {
          index: 0,
          finish_reason: call ? 'tool_calls' : 'stop',
          message: { role: 'assistant', content: call ? null : answer.text, tool_calls },
        },
      ],
    };
  }
  const parts = events.flatMap((e) => e.candidates[0].content.parts);
  return { ...events.at(-1), candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts } }] };
}

// ---- HTTP ----------------------------------------------------------------------------------------

const routes = [
  [/\/messages$/, 'anthropic'],
  [/\/chat\/completions$/, 'chat'],
  [/\/responses$/, 'responses'],
  [/\/models\/([^/:]+):(streamGenerateContent|generateContent)$/, 'gemini'],
];

const log = (entry) => LOG && appendFileSync(LOG, JSON.stringify({ at: new Date().toISOString(), ...entry }) + '\n');

function send(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

async function handle(req, res) {
  const url = new URL(req.url, 'http://fake');
  const raw = await new Response(req).text();
  const body = parsed(raw) ?? {};
  const [pattern, format] = routes.find(([p]) => p.test(url.pathname)) ?? [];
  if (req.method !== 'POST' || !format) {
    log({ method: req.method, path: req.url, other: true });
    if (/:countTokens$/.test(url.pathname)) return send(res, 200, { totalTokens: USAGE.in });
    if (/count_tokens$/.test(url.pathname)) return send(res, 200, { input_tokens: USAGE.in });
    if (/\/models$/.test(url.pathname))
      return send(res, 200, {
        object: 'list',
        data: [{ id: 'fake-model', type: 'model', object: 'model', display_name: 'Fake model' }],
        models: [],
        has_more: false,
      });
    if (['/', '/health'].includes(url.pathname)) return send(res, 200, { ok: true });
    return send(res, 404, { error: { type: 'not_found_error', message: `no route ${url.pathname}` } });
  }
  const [, geminiModel, verb] = format === 'gemini' ? url.pathname.match(pattern) : [];
  const model = body.model ?? geminiModel ?? 'fake-model';
  const streaming = format === 'gemini' ? verb === 'streamGenerateContent' : Boolean(body.stream);
  const tools = offered[format](body);
  const answer = plan(conversation[format](body), tools, answerSchema(body));
  log({
    method: req.method,
    path: req.url,
    format,
    model,
    streaming,
    prompt: answer.prompt,
    tools: tools.map((t) => t.name),
    answer: answer.status ?? (answer.call ? { call: answer.call.tool.name, args: answer.call.args } : answer.text),
    ...(process.env.FAKE_MODEL_LOG_BODIES ? { headers: req.headers, body } : {}),
  });
  if (answer.status)
    return send(res, answer.status, {
      type: 'error',
      error: { type: 'api_error', code: answer.status, message: `scripted failure ${answer.status}` },
    });
  if (!streaming) return send(res, 200, await whole(format, answer, model));
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', connection: 'keep-alive' });
  for await (const [event, data] of streams[format](answer, model)) {
    if (res.destroyed) return log({ aborted: true, prompt: answer.prompt });
    res.write(`${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  }
  res.end();
}

const server = http.createServer((req, res) =>
  handle(req, res).catch((error) => {
    log({ error: String(error?.stack ?? error) });
    if (!res.headersSent) send(res, 500, { error: { type: 'api_error', message: String(error) } });
    else res.destroy();
  }),
);
server.listen(PORT, '127.0.0.1', () => console.log(JSON.stringify({ ready: true, port: server.address().port })));
if (process.argv.includes('--until-stdin-closes')) process.stdin.on('close', () => process.exit(0)).resume();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
