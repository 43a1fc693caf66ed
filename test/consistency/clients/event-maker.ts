import { contentDigest } from '../history/digest.js';
import type { Outgoing } from './senders.js';

const SCRIPTS = ['plain words ', 'Grüße ', '日本語 ', '👩‍👩‍👧 ', '\u0000\u001f ', '"\\/\b ', '\u2028\u2029 ', 'e\u0301 '];

/** Events with all that JSON can hold, in sizes from a few bytes to `most`. */
export class EventMaker {
  private count = 0;

  constructor(
    private readonly name: string,
    private readonly random: () => number,
  ) {}

  make(most = 4_000): Outgoing {
    const id = `${this.name}-${++this.count}`;
    const text = this.text(Math.ceil(most ** this.random()));
    const draw = this.random();
    if (draw < 0.6) return outgoing(id, 'log', { level: 'info', text });
    if (draw < 0.8) return outgoing(id, 'message', { role: 'assistant', content: [{ type: 'text', text }] });
    return outgoing(id, 'chaos.note', { z: text, a: [this.random(), -0, 1e21, null, true, { '': [[]] }], 10: 'ten', 9: 'nine' });
  }

  /** One of `size` characters that cost nothing to make. */
  filler(size: number): Outgoing {
    const id = `${this.name}-${++this.count}`;
    return outgoing(id, 'log', { level: 'debug', text: `${id} `.padEnd(size, '.') });
  }

  private text(length: number): string {
    let text = '';
    while (text.length < length) text += SCRIPTS[Math.floor(this.random() * SCRIPTS.length)];
    return text;
  }
}

export const outgoing = (id: string, type: string, payload: Record<string, unknown>): Outgoing => ({
  id,
  type,
  payload,
  content: contentDigest(type, payload),
});
