import { OUT_FRAMES, isOutType } from '../../src/realtime/frames.types.js';
import { COMMAND_SPECS } from '../../src/realtime/gateway/command-specs.js';

export interface Frame {
  readonly type: string;
  readonly [field: string]: any;
}

/** Parses a frame of the server and checks it against the schemas that asyncapi.json is made from; throws where it is not what they say. */
export function checkedFrame(text: string): Frame {
  const value: Frame = JSON.parse(text);
  if (!isOutType(value.type)) throw new Error(`A frame of no known type: ${text.slice(0, 500)}`);
  const result = OUT_FRAMES[value.type].safeParse(value);
  if (!result.success)
    throw new Error(`A ${value.type} frame is not what asyncapi.json says: ${result.error.message}\n${text.slice(0, 1_000)}`);
  return value;
}

/** Checks the `data` of a reply against what the command promises. */
export function checkReply(request: { type: string }, answer: Frame): void {
  const spec = COMMAND_SPECS.find(({ type }) => type === request.type);
  if (!spec || answer.type !== 'reply') return;
  const result = spec.data.safeParse(answer.data);
  if (!result.success)
    throw new Error(
      `The reply to ${request.type} is not what asyncapi.json says: ${result.error.message}\n${JSON.stringify(answer).slice(0, 1_000)}`,
    );
}

/** Reads a stream of server-sent events: each as `{event, id?, data}`; comments are skipped. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; id?: string; data: Frame }> {
  const decoder = new TextDecoder();
  let buffered = '';
  for await (const chunk of body) {
    buffered += decoder.decode(chunk, { stream: true });
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      const lines = buffered.slice(0, end).split('\n');
      buffered = buffered.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data === undefined) continue;
      const frame = checkedFrame(data);
      const event = field('event') ?? 'message';
      if (event !== frame.type) throw new Error(`event: ${event} holds a ${frame.type} frame`);
      const id = field('id');
      yield { event, ...(id === undefined ? {} : { id }), data: frame };
    }
  }
}
