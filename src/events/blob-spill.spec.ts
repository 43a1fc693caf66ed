import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { SEED } from '../../test/support/random.js';
import { MAX_PAYLOAD_BYTES, type Spilled, spill } from './blob-spill.js';
import { PAYLOADS } from './event-payloads.types.js';
import { prepareEvent } from './event-preparation.js';
import { STORED_PAYLOADS } from './stored-payloads.types.js';

const K = 1024;
const spilled = (payload: Record<string, unknown>, keys: readonly string[] = []) => spill(payload, JSON.stringify(payload), keys);
const parsed = ({ payload }: Spilled): any => JSON.parse(payload);

/** What stood in an event, made of what stands there now and the blobs beside it. */
function restored(value: unknown, { blobs }: Spilled): unknown {
  if (Array.isArray(value)) return value.map((each) => restored(each, { payload: '', blobs }));
  if (typeof value !== 'object' || value === null) return value;
  const found = 'blob' in value && blobs.find(({ blob }) => blob === value.blob);
  if (found && found.mimeType === 'application/json') return JSON.parse(found.bytes.toString());
  if (found) return found.bytes.toString(/^(image|audio)/.test(found.mimeType) ? 'base64' : 'utf8');
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restored(each, { payload: '', blobs })]));
}

describe('taking what is large out of a payload', () => {
  it('leaves alone what is small: the very text, and nothing beside it', () => {
    for (const length of [0, 20 * K, MAX_PAYLOAD_BYTES - 12]) {
      const payload = { text: 'x'.repeat(length) };
      const json = JSON.stringify(payload);
      const result = spill(payload, json, []);
      expect(result.payload).toBe(json);
      expect(result.blobs).toEqual([]);
    }
    expect(spilled({ text: 'x'.repeat(MAX_PAYLOAD_BYTES - 10) }).blobs).toHaveLength(1);
    // 22,000 characters, but 66,000 bytes.
    expect(spilled({ text: '語'.repeat(22_000) }).blobs).toHaveLength(1);
  });

  it('puts hash, size and type in the place of a text, and keeps its bytes', () => {
    const text = `${'语言 '.repeat(20_000)}\u0000🙂`;
    const result = spilled({ level: 'info', text, small: 'x' });
    const bytes = Buffer.from(text);
    const blob = createHash('sha256').update(bytes).digest('hex');
    expect(parsed(result)).toEqual({ level: 'info', text: { blob, size: bytes.length, mimeType: 'text/plain' }, small: 'x' });
    expect(result.blobs).toMatchObject([{ blob, size: bytes.length, mimeType: 'text/plain' }]);
    expect(result.blobs[0]?.bytes.equals(bytes)).toBe(true);
  });

  it('keeps what is no text in UTF-8 as near as it can be: half of a pair becomes U+FFFD', () => {
    const result = spilled({ text: `${'a'.repeat(70 * K)}\ud83d` });
    expect(result.blobs[0]?.bytes.toString()).toBe(`${'a'.repeat(70 * K)}\ufffd`);
  });

  it('decodes base64 where it stands for bytes, and only where it is nothing else', () => {
    const bytes = Buffer.from(Array.from({ length: 80 * K }, (_, index) => (index * 7) % 256));
    const base64 = bytes.toString('base64');
    const media = (fields: object) =>
      spilled({ content: [{ type: 'image', data: base64, mimeType: 'Image/PNG; x=1', ...fields }] }).blobs[0];
    expect(media({})).toMatchObject({ mimeType: 'image/png', size: bytes.length });
    expect(media({})?.bytes.equals(bytes)).toBe(true);
    expect(media({ type: 'audio', mimeType: 'audio/mp3' })).toMatchObject({ mimeType: 'audio/mp3', size: bytes.length });
    expect(media({ mimeType: 'no type\r\nX-Evil: 1' })).toMatchObject({ mimeType: 'application/octet-stream', size: bytes.length });
    expect(media({ mimeType: `image/${'x'.repeat(200)}` })).toMatchObject({ mimeType: 'application/octet-stream' });
    expect(media({ data: `${base64}!` })).toMatchObject({ mimeType: 'text/plain', size: base64.length + 1 });
    expect(media({ type: 'text', data: base64 })).toMatchObject({ mimeType: 'text/plain', size: base64.length });
    const resource = (fields: object) => spilled({ type: 'resource', resource: { uri: 'file:///a', ...fields } }).blobs[0];
    expect(resource({ blob: base64, mimeType: 'application/pdf' })).toMatchObject({ mimeType: 'application/pdf', size: bytes.length });
    expect(resource({ blob: base64 })).toMatchObject({ mimeType: 'application/octet-stream', size: bytes.length });
    expect(resource({ text: base64, mimeType: 'text/html' })).toMatchObject({ mimeType: 'text/html', size: base64.length });
  });

  it('takes the largest texts first where only the sum is too large', () => {
    const result = spilled({ rawOutput: { stdout: 'a'.repeat(40 * K), stderr: 'b'.repeat(30 * K), more: 'c'.repeat(10 * K) } });
    expect(parsed(result).rawOutput).toEqual({
      stdout: expect.objectContaining({ size: 40 * K }),
      stderr: 'b'.repeat(30 * K),
      more: 'c'.repeat(10 * K),
    });
  });

  it('takes a list or an object as a whole where no text in it is large', () => {
    const locations = Array.from({ length: 5_000 }, (_, line) => ({ path: `/src/file-${line}.ts`, line }));
    const result = spilled({ toolCallId: 't', locations, rawInput: { query: 'x' } }, ['toolCallId', 'locations', 'rawInput']);
    expect(parsed(result)).toEqual({
      toolCallId: 't',
      locations: { blob: expect.any(String), size: expect.any(Number), mimeType: 'application/json' },
      rawInput: { query: 'x' },
    });
    expect(restored(parsed(result), result)).toEqual({ toolCallId: 't', locations, rawInput: { query: 'x' } });
  });

  it('takes all fields that it does not know together where they are many', () => {
    const extra = Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`key-${index}`, index]));
    const result = spilled({ level: 'info', text: 'kept', ...extra, [`long${'k'.repeat(70 * K)}`]: 1 }, ['level', 'text', 'stream']);
    expect(parsed(result)).toEqual({ level: 'info', text: 'kept', rest: expect.objectContaining({ mimeType: 'application/json' }) });
    expect(Object.keys(JSON.parse(result.blobs[0]?.bytes.toString() ?? ''))).toHaveLength(9_001);
  });

  it('keeps fields of any name', () => {
    const payload = JSON.parse(`{"__proto__": {"constructor": "${'x'.repeat(70 * K)}"}, "toString": 1}`);
    const result = spilled(payload);
    expect(result.payload).toMatch(
      /^\{"__proto__":\{"constructor":\{"blob":"\w{64}","size":71680,"mimeType":"text\/plain"\}\},"toString":1\}$/,
    );
  });

  it('makes of every payload one that is small, of its type, and can be made whole again', () => {
    const small = fc.string({ unit: 'grapheme', maxLength: 30 });
    const large = fc.tuple(small, fc.integer({ min: 1, max: 9_000 })).map(([text, times]) => `${text}|`.repeat(times));
    const text = fc.oneof(small, large);
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text }),
      fc.record({
        type: fc.constant('image'),
        data: fc.uint8Array({ maxLength: 90_000 }).map((each) => Buffer.from(each).toString('base64')),
        mimeType: fc.constant('image/png'),
      }),
      fc.record({ type: fc.constant('resource'), resource: fc.record({ uri: text, text }), annotations: fc.dictionary(small, text) }),
    );
    const content = fc.array(block, { maxLength: 60 });
    const any = fc.array(
      block.map((each) => ({ type: 'content', content: each })),
      { maxLength: 20 },
    );
    const payloads = fc.oneof(
      fc.record({ type: fc.constant('message'), payload: fc.record({ role: fc.constant('assistant'), content, blockId: text }) }),
      fc.record({ type: fc.constant('log'), payload: fc.record({ level: fc.constant('info'), text, more: fc.jsonValue() }) }),
      fc.record({
        type: fc.constant('tool_update'),
        payload: fc.record({
          toolCallId: text,
          rawOutput: fc.anything({ withNullPrototype: false, maxDepth: 4, values: [text, fc.integer()] }),
          content: any,
          locations: fc.array(fc.record({ path: text }), { maxLength: 3_000 }),
        }),
      }),
      fc.record({ type: fc.constant('file_change'), payload: fc.record({ path: text, change: fc.constant('modified'), diff: text }) }),
      fc.record({
        type: fc.constant('somebody.elses'),
        payload: fc.dictionary(small, fc.oneof(text, fc.array(text, { maxLength: 2_000 }))),
      }),
    );
    let withBlobs = 0;
    fc.assert(
      fc.property(payloads, ({ type, payload: drawn }) => {
        const payload = JSON.parse(JSON.stringify(drawn));
        const event = prepareEvent({ type, payload, source: 'api', actor: 'test' }, '2026-01-01T00:00:00.000Z');
        withBlobs += event.blobs.length > 0 ? 1 : 0;
        expect(Buffer.byteLength(event.payload)).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
        const stored = JSON.parse(event.payload);
        const schema = STORED_PAYLOADS[type];
        if (schema) expect(schema.safeParse(stored).error).toBeUndefined();
        for (const { blob, bytes, size } of event.blobs)
          expect([createHash('sha256').update(bytes).digest('hex'), bytes.length]).toEqual([blob, size]);
        if (!('rest' in stored)) expect(restored(stored, event)).toEqual(JSON.parse(JSON.stringify(payload)));
      }),
      { seed: SEED, numRuns: 100 },
    );
    expect(withBlobs).toBeGreaterThan(20);
  });

  it('knows the readable form of every type there is', () => {
    expect(Object.keys(STORED_PAYLOADS)).toEqual(Object.keys(PAYLOADS));
    const ref = { blob: 'a'.repeat(64), size: 1, mimeType: 'text/plain' };
    expect(STORED_PAYLOADS['message']?.safeParse({ role: 'assistant', content: [{ type: 'text', text: ref }] }).success).toBe(true);
    expect(STORED_PAYLOADS['message']?.safeParse({ role: 'assistant', content: ref }).success).toBe(true);
    expect(STORED_PAYLOADS['message']?.safeParse({ role: ref, content: [] }).success).toBe(false);
    expect(STORED_PAYLOADS['log']?.safeParse({ level: 'info', text: { ...ref, blob: 'x' } }).success).toBe(false);
    expect(PAYLOADS.log.safeParse({ level: 'info', text: ref }).success).toBe(false);
  });
});
