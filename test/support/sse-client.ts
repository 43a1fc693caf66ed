import { eventually } from './eventually.js';
import { type Frame, serverSentEvents } from './frames.js';

/** A reader of server-sent events that keeps every frame. */
export class SseClient {
  readonly frames: Frame[] = [];
  hasEnded = false;

  private constructor(private readonly controller: AbortController) {}

  static async open(url: string, key: string): Promise<SseClient> {
    const controller = new AbortController();
    const response = await fetch(url, { headers: { authorization: `Bearer ${key}` }, signal: controller.signal });
    if (response.status !== 200 || !response.body) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    const client = new SseClient(controller);
    void client.read(response.body).finally(() => (client.hasEnded = true));
    return client;
  }

  async frame(accept: (frame: Frame) => boolean): Promise<Frame> {
    const found = await eventually(() => this.frames.find(accept));
    if (!found) throw new Error('unreachable');
    return found;
  }

  untilEnded(): Promise<boolean> {
    return eventually(() => this.hasEnded);
  }

  close(): void {
    this.controller.abort();
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const { data } of serverSentEvents(body)) this.frames.push(data);
    } catch (error) {
      if (!this.controller.signal.aborted) throw error;
    }
  }
}
