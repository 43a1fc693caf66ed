/**
 * An agent of the Agent Client Protocol that says much. Its prompt is JSON, a list of steps:
 * {stream: {pieces, size, message?, thought?}} numbered pieces of text · {tool: {bytes, file?}} a result of so many bytes ·
 * {image: {bytes}} · {update: …} any update · {wait: "path"} until that file is there · {hang: true} for ever. Without the SDK, and
 * without waiting for anybody but the pipe.
 */
const { existsSync } = require('node:fs');
const { createInterface } = require('node:readline');

const send = (message) =>
  new Promise((resolve) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`, () => resolve()));
const update = (fields) => send({ method: 'session/update', params: { sessionId: 's', update: fields } });
const content = (text) => [{ type: 'content', content: { type: 'text', text } }];

/** The n-th piece of a stream: tells its own place, so that a text made of them can be checked. */
const pieceOf = (n, size) => `🙂${n}:`.padEnd(size - 1, '語x.') + '\n';

async function step(each) {
  if (each.stream) {
    const { pieces, size, message = 'm', thought = false } = each.stream;
    for (let n = 0; n < pieces; n++)
      await update({
        sessionUpdate: thought ? 'agent_thought_chunk' : 'agent_message_chunk',
        messageId: message,
        content: { type: 'text', text: pieceOf(n, size) },
      });
  }
  if (each.tool) {
    await update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'Loud', kind: 'execute', status: 'in_progress' });
    const text = 'out put\n'.repeat(each.tool.bytes / 8);
    await update({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed', content: content(text), rawOutput: { text } });
  }
  if (each.image)
    await update({
      sessionUpdate: 'agent_message_chunk',
      messageId: 'i',
      content: { type: 'image', mimeType: 'image/png', data: Buffer.alloc(each.image.bytes, 9).toString('base64') },
    });
  if (each.update) await update(each.update);
  while (each.wait && !existsSync(each.wait)) await new Promise((resolve) => setTimeout(resolve, 10));
  if (each.hang) await new Promise(() => undefined);
}

async function take({ id, method, params }) {
  if (method === 'initialize') return send({ id, result: { protocolVersion: 1 } });
  if (method === 'session/new') return send({ id, result: { sessionId: 's' } });
  if (method !== 'session/prompt') return undefined;
  for (const each of JSON.parse(params.prompt[0].text)) await step(each);
  return send({ id, result: { stopReason: 'end_turn' } });
}

module.exports = { pieceOf };
if (require.main === module)
  createInterface({ input: process.stdin })
    .on('line', (line) => void take(JSON.parse(line)))
    .on('close', () => process.exit(0));
