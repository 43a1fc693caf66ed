/** A client of the HTTP API, as small as one can be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './terminal.mjs';

const RECONNECT_MS = 500;
const TRIES = 20;

export class Api {
  #headers;

  constructor(url, key) {
    this.url = url;
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  /** @throws Problem with the server's own words where it refuses */
  async call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    const answer = await response.json();
    if (!response.ok) throw new Problem(`${method} ${path}: ${response.status} ${answer.code}: ${answer.detail}`, answer.remedy);
    return answer;
  }

  /** As {@link call}; undefined where the answer has this `code`. */
  async callUnless(code, method, path, body) {
    const response = await this.#fetch(method, path, body);
    const answer = await response.json();
    if (answer.code === code) return undefined;
    if (!response.ok) throw new Problem(`${method} ${path}: ${response.status} ${answer.code}: ${answer.detail}`, answer.remedy);
    return answer;
  }

  /** The items of all pages of a list. */
  async *list(path) {
    let cursor;
    do {
      const page = await this.call('GET', `${path}?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor);
  }

  /**
   * The frames of an event stream, for as long as the caller goes on; a broken connection goes on behind the last id.
   * @throws Problem where the server refuses, or can't be reached any more
   */
  async *stream(path, signal) {
    let lastId;
    for (let failures = 0; failures < TRIES; failures++) {
      try {
        const response = await this.#fetch(
          'GET',
          path,
          undefined,
          { accept: 'text/event-stream', ...(lastId ? { 'last-event-id': lastId } : {}) },
          signal,
        );
        if (!response.ok) throw new Problem(`GET ${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
        for await (const message of messagesOf(response.body)) {
          failures = 0;
          if (message.id) lastId = message.id;
          yield { type: message.event, ...JSON.parse(message.data) };
        }
      } catch (error) {
        if (error instanceof Problem || signal.aborted) throw error;
        // The connection broke: go on where it did.
      }
      signal.throwIfAborted();
      await sleep(RECONNECT_MS, undefined, { signal });
    }
    throw new Problem('The event stream broke off and could not be taken up again.');
  }

  #fetch(method, path, body, headers = {}, signal = AbortSignal.timeout(30_000)) {
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    return fetch(this.url + path, {
      method,
      headers: { ...this.#headers, ...content, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  }
}

/** The messages of a text/event-stream body (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
async function* messagesOf(body) {
  let rest = '';
  let message = { event: 'message', data: [], id: undefined };
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?=[^\n])/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (message.data.length > 0) yield { ...message, data: message.data.join('\n') };
        message = { event: 'message', data: [], id: undefined };
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === 'data') message.data.push(value);
      else if (field === 'event' || field === 'id') message[field] = value;
    }
  }
}
