import { textFrame } from '../core/websocket/text-frame.js';
import type { OutType } from './frames.types.js';

/** A frame of the server. Its bytes are made when the first reader is sent them, and are the same for all the others. */
export class OutFrame {
  private webSocketBytes: Buffer | undefined;
  private serverSentBytes: Buffer | undefined;

  constructor(
    readonly type: OutType,
    private readonly content: string | (() => string),
    /** Where a reader that has it stands; becomes the `id:` of SSE. */
    readonly cursor?: string,
  ) {}

  /** JSON. */
  get text(): string {
    return typeof this.content === 'string' ? this.content : this.content();
  }

  /** As a text message of the WebSocket, with its header. */
  get webSocket(): Buffer {
    return (this.webSocketBytes ??= textFrame(this.text));
  }

  /** As a server-sent event: `id:` stands on those frames only that carry something to go on from. */
  get serverSent(): Buffer {
    const id = this.cursor === undefined ? '' : `id: ${this.cursor}\n`;
    return (this.serverSentBytes ??= Buffer.from(`event: ${this.type}\n${id}data: ${this.text}\n\n`));
  }
}
