import type { AnyMessage, Stream } from '@agentclientprotocol/sdk';
import { ReadableStream, WritableStream } from 'node:stream/web';
import type { Readable, Writable } from 'node:stream';
import { type Line, LineSplitter } from '../../core/process/line-splitter.js';

/** A message of the agent may have this much; more is an error of the agent, and only that message is lost. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** A message as it came: some record of JSON. */
export type RawMessage = Readonly<Record<string, unknown>>;

/** Sees what passes, in the order in which it passes. */
export interface WireObserver {
  /** A message of the agent; true takes it out, so that the SDK never sees it. */
  received(message: RawMessage): boolean;
  /** A message that will be written. */
  sending(message: RawMessage): void;
  /** The operating system has all of that message. */
  sent(message: RawMessage): void;
  /** A line of output that is no message. */
  noise(line: Line): void;
  /** Resolves when the agent may be read on. */
  room(): Promise<void>;
}

/**
 * The SDK's stream over an agent's standard streams. The SDK's own one would answer each line that is no JSON with an error, and lets a
 * response overtake the updates before it; here every message is observed at the moment in which the SDK would take it.
 */
export function acpStream(stdin: Writable, stdout: Readable, observer: WireObserver): Stream {
  return { readable: ReadableStream.from<AnyMessage>(messagesOf(stdout, observer)), writable: writableOf(stdin, observer) };
}

async function* messagesOf(stdout: Readable, observer: WireObserver): AsyncGenerator<AnyMessage> {
  const splitter = new LineSplitter(MAX_MESSAGE_BYTES);
  const chunks: AsyncIterable<Buffer> = stdout;
  for await (const chunk of chunks) {
    for (const line of splitter.push(chunk)) {
      const message = messageOf(line, observer);
      if (message) yield message;
    }
    await observer.room();
  }
  for (const line of splitter.flush()) {
    const message = messageOf(line, observer);
    if (message) yield message;
  }
}

function messageOf(line: Line, observer: WireObserver): AnyMessage | null {
  if (line.text.trim() === '') return null;
  const value = line.dropped > 0 ? undefined : parsed(line.text);
  if (!isMessage(value)) {
    observer.noise(line);
    return null;
  }
  return observer.received(value) ? null : value;
}

function writableOf(stdin: Writable, observer: WireObserver): WritableStream<AnyMessage> {
  return new WritableStream<AnyMessage>({
    write: (message) =>
      new Promise<void>((resolve, reject) => {
        const raw: RawMessage = { ...message };
        observer.sending(raw);
        stdin.write(`${JSON.stringify(message)}\n`, (error) => {
          if (error) return reject(error);
          observer.sent(raw);
          resolve();
        });
      }),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isRecord = (value: unknown): value is RawMessage => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A request, a notification or a response of JSON-RPC 2.0, whatever is in it. */
const isMessage = (value: unknown): value is RawMessage & AnyMessage =>
  isRecord(value) &&
  value['jsonrpc'] === '2.0' &&
  (typeof value['method'] === 'string' || (value['id'] !== undefined && ('result' in value || 'error' in value)));
