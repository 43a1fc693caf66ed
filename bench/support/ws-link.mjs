import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 };

/** A frame of a client. Its mask is zero, which is allowed and spares the generator the work; the server unmasks it all the same. */
export function clientFrame(opcode, content) {
  const { length } = content;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extra + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) frame.writeUInt16BE(length, 2);
  if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  content.copy(frame, 2 + extra + 4);
  return frame;
}

/** A WebSocket of a reader or reporter, without the costs of a full client: whole text frames go to `onFrame(buffer, start, end)`. */
export class WsLink {
  socket;
  onFrame = () => undefined;
  onClose = () => undefined;
  #left;

  /** Resolves when the server has said hello. */
  static async open(port, key) {
    const link = new WsLink();
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    link.socket = socket;
    await new Promise((done, fail) => {
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.write(
          [
            'GET /api/ws HTTP/1.1',
            'Host: 127.0.0.1',
            'Connection: Upgrade',
            'Upgrade: websocket',
            'Sec-WebSocket-Version: 13',
            `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
            `Authorization: Bearer ${key}`,
            '\r\n',
          ].join('\r\n'),
        );
        let head = Buffer.alloc(0);
        const take = (chunk) => {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf(END_OF_HEAD);
          if (end < 0) return;
          socket.off('data', take);
          if (head.latin1Slice(9, 12) !== '101') return fail(new Error(head.toString('latin1')));
          socket.on('data', (data) => link.#take(data));
          link.next('hello').then(done);
          if (head.length > end + 4) link.#take(head.subarray(end + 4));
        };
        socket.on('data', take);
      });
    });
    socket.on('error', () => undefined);
    socket.on('close', () => link.onClose());
    return link;
  }

  send(text) {
    this.socket.write(clientFrame(OPCODE.text, Buffer.from(text)));
  }

  /** Bytes made by {@link clientFrame}. */
  sendBytes(bytes) {
    this.socket.write(bytes);
  }

  /** Resolves with the parsed frame of this type, from now on. Other frames go on to `onFrame`. */
  next(type) {
    const before = this.onFrame;
    const start = Buffer.from(`{"type":"${type}"`);
    return new Promise((done) => {
      this.onFrame = (data, from, end) => {
        if (data.compare(start, 0, start.length, from, Math.min(end, from + start.length)) !== 0) return before(data, from, end);
        this.onFrame = before;
        done(JSON.parse(data.toString('utf8', from, end)));
      };
    });
  }

  pause() {
    this.socket.pause();
  }

  destroy() {
    this.onClose = () => undefined;
    this.socket.destroy();
  }

  #take(chunk) {
    const data = this.#left === undefined ? chunk : Buffer.concat([this.#left, chunk]);
    this.#left = undefined;
    let at = 0;
    while (data.length - at >= 2) {
      const short = data[at + 1] & 0x7f;
      const extra = short < 126 ? 0 : short === 126 ? 2 : 8;
      if (data.length - at < 2 + extra) break;
      const size = extra === 0 ? short : extra === 2 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
      const start = at + 2 + extra;
      if (data.length - start < size) break;
      const opcode = data[at] & 0x0f;
      if (opcode === OPCODE.text) this.onFrame(data, start, start + size);
      else if (opcode === OPCODE.ping) this.socket.write(clientFrame(OPCODE.pong, data.subarray(start, start + size)));
      at = start + size;
    }
    if (at < data.length) this.#left = data.subarray(at);
  }
}
