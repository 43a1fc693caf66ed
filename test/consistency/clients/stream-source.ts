import { StringDecoder } from 'node:string_decoder';
import { WebSocket } from 'ws';
import type { HttpClient } from './http-client.js';

/** An open stream of one session: frames as the text they came as. */
export interface Stream {
  onFrame: (text: string) => void;
  /** Called once, also after {@link close}. */
  onClose: (code: string) => void;
  /** Takes nothing more off the wire, and says nothing. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** `GET …/events/stream`; the cursor goes as `Last-Event-ID`, as browsers send it, or as `after`. */
export async function openSse(http: HttpClient, session: string, after: string, asHeader: boolean): Promise<Stream> {
  const path = `/api/sessions/${session}/events/stream`;
  const response = asHeader
    ? await http.send('GET', path, { 'last-event-id': after })
    : await http.send('GET', `${path}?after=${encodeURIComponent(after)}`, {});
  const stream: Stream = {
    onFrame: () => undefined,
    onClose: () => undefined,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => void response.destroy(),
  };
  const decoder = new StringDecoder('utf8');
  let buffered = '';
  response.on('data', (chunk: Buffer) => {
    buffered += decoder.write(chunk);
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      const data = buffered
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6))
        .join('\n');
      buffered = buffered.slice(end + 2);
      if (response.statusCode === 200 && data !== '') stream.onFrame(data);
    }
  });
  response.on('error', () => undefined);
  response.on('close', () => stream.onClose(response.statusCode === 200 ? 'closed' : String(response.statusCode)));
  return stream;
}

/** `subscribe` over a WebSocket of its own. */
export function openSocket(url: string, key: string, session: string, after: string): Promise<Stream> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/ws`, {
    headers: { authorization: `Bearer ${key}` },
    handshakeTimeout: 2_000,
  });
  const stream: Stream = {
    onFrame: () => undefined,
    onClose: () => undefined,
    pause: () => socket.readyState === WebSocket.OPEN && socket.pause(),
    resume: () => socket.readyState === WebSocket.OPEN && socket.resume(),
    close: () => socket.terminate(),
  };
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'subscribe', id: 's', sessionId: session, after, deltas: false }));
      resolve(stream);
    });
    socket.on('message', (data: Buffer) => stream.onFrame(data.toString()));
    socket.on('error', reject);
    socket.on('close', (code) => {
      reject(new Error(`closed with ${code}`));
      stream.onClose(`closed with ${code}`);
    });
  });
}
