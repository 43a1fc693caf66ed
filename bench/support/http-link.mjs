import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = Buffer.from('\r\nContent-Length: ');

/** One keep-alive connection that has one request under way at a time, as every HTTP/1.1 client does. Cheap, so that the server is what is measured. */
export class HttpLink {
  #socket;
  #error;
  #left = Buffer.alloc(0);
  #settle;

  static async open(port) {
    const link = new HttpLink();
    link.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise((done, fail) => link.#socket.once('connect', done).once('error', fail));
    link.#socket.on('data', (chunk) => link.#take(chunk));
    link.#socket.on('error', (error) => link.#fail(error));
    link.#socket.on('close', () => link.#fail(new Error('The server closed the connection.')));
    return link;
  }

  #fail(error) {
    this.#error ??= error;
    this.#settle?.fail(error);
  }

  /** Sends a whole request; gives `{ status, body }`. */
  request(bytes) {
    return new Promise((done, fail) => {
      if (this.#error) return fail(this.#error);
      this.#settle = { done, fail };
      this.#socket.write(bytes);
    });
  }

  close() {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(chunk) {
    const data = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    this.#left = data;
    const head = data.indexOf(END_OF_HEAD);
    if (head < 0) return;
    const length = data.indexOf(LENGTH);
    if (length < 0 || length > head) return this.#fail(new Error(`No Content-Length: ${data.toString('latin1', 0, head)}`));
    const from = length + LENGTH.length;
    const size = Number(data.latin1Slice(from, data.indexOf(13, from)));
    const end = head + 4 + size;
    if (data.length < end) return;
    this.#left = data.subarray(end);
    if (!this.#settle) return this.#fail(new Error(`An answer to nothing: ${data.toString('latin1', 0, end)}`));
    const { done } = this.#settle;
    this.#settle = undefined;
    done({ status: Number(data.latin1Slice(9, 12)), body: data.subarray(head + 4, end) });
  }
}

/** The bytes of a request with a JSON body; `at` is where the body begins. */
export function requestBytes(method, path, key, body) {
  const content = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${key}`,
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${content.length}`]),
  ];
  const start = Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  return { bytes: Buffer.concat([start, content]), at: start.length };
}

/** Runs with `count` connections that are closed afterwards. */
export async function withLinks(server, count, run) {
  const links = await Promise.all(Array.from({ length: count }, () => HttpLink.open(server.port)));
  try {
    return await run(links);
  } finally {
    links.forEach((link) => link.close());
  }
}
