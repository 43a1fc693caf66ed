import { textFrame } from '../core/websocket/text-frame.js';
import type { OutType } from './frames.types.js';

/** A frame of the server. Its bytes are made when the first reader is sent them, and are the same for all the others. */
export abstract class OutFrame {
  private webSocketBytes: Buffer | undefined;
  private serverSentBytes: Buffer | undefined;

  constructor(
    readonly type: OutType,
    /** Where a reader that has it stands; becomes the `id:` of SSE. */
    readonly cursor?: string,
  ) {}

  /** JSON. */
  abstract get text(): string;
  /** Bytes of its text. */
  protected abstract get size(): number;
  protected abstract writeTo(target: Buffer, at: number): void;

  /** As a text message of the WebSocket, with its header. */
  get webSocket(): Buffer {
    return (this.webSocketBytes ??= textFrame(this.size, (frame, at) => this.writeTo(frame, at)));
  }

  /** As a server-sent event: `id:` stands on those frames only that carry something to go on from. */
  get serverSent(): Buffer {
    return (this.serverSentBytes ??= this.asServerSent());
  }

  private asServerSent(): Buffer {
    const head = `event: ${this.type}\n${this.cursor === undefined ? '' : `id: ${this.cursor}\n`}data: `;
    const bytes = Buffer.allocUnsafe(head.length + this.size + 2);
    bytes.write(head, 'latin1');
    this.writeTo(bytes, head.length);
    bytes.write('\n\n', bytes.length - 2);
    return bytes;
  }
}

/** A frame that is made of its text. */
export class TextFrame extends OutFrame {
  constructor(
    type: OutType,
    readonly text: string,
    cursor?: string,
  ) {
    super(type, cursor);
  }

  protected get size(): number {
    return Buffer.byteLength(this.text);
  }

  protected writeTo(target: Buffer, at: number): void {
    target.write(this.text, at);
  }
}
