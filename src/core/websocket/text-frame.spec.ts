import { createServer, type Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../../test/support/eventually.js';
import { textFrame } from './text-frame.js';

describe('textFrame', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))));

  it('is a message of its own between those of ws, whatever its length', async () => {
    const texts = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000].map((length) => 'x'.repeat(length)).concat('漢"\n\u0000');
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    server = createServer().on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        for (const text of texts) {
          socket.write(textFrame(Buffer.byteLength(text), (frame, at) => void frame.write(text, at)));
          webSocket.send('between');
        }
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const client = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    const received: string[] = [];
    client.on('message', (data: Buffer, isBinary) => received.push(isBinary ? 'binary' : data.toString()));
    await eventually(() => received.length === 2 * texts.length);
    expect(received).toEqual(texts.flatMap((text) => [text, 'between']));
    client.terminate();
  });
});
