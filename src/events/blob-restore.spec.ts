import fc from 'fast-check';
import { spill } from './blob-spill.js';
import { refsIn, restored } from './blob-restore.js';

const large = (length: number) => fc.string({ minLength: 1, maxLength: 40 }).map((each) => each.repeat(length).toWellFormed());
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.jsonValue({ maxDepth: 2 }),
    large(4_000),
    large(200),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }),
  ),
})).any;
const payload = fc.dictionary(
  fc.oneof(fc.constantFrom('title', 'rawInput', 'content'), fc.string()).filter((key) => key !== 'rest'),
  value,
);

describe('what was taken out of a payload', () => {
  it('is put back as it was', () => {
    let spilt = 0;
    fc.assert(
      fc.property(payload, (given) => {
        const original = JSON.parse(JSON.stringify(given));
        const text = JSON.stringify(original);
        const { payload: stored, blobs } = spill(original, text, ['title', 'rawInput', 'content']);
        if (blobs.length > 0) spilt += 1;
        const contents = new Map(blobs.map(({ blob, bytes }) => [blob, bytes]));
        const back = restored(JSON.parse(stored), (sha256) => contents.get(sha256));
        // Halves of surrogate pairs are no UTF-8.
        if (text.isWellFormed() && !/\\ud[89a-f]/i.test(text)) expect(JSON.parse(JSON.stringify(back))).toEqual(original);
      }),
      { numRuns: 300 },
    );
    expect(spilt).toBeGreaterThan(20);
  });

  it('is base64 again where it was', () => {
    const data = Buffer.alloc(100_000, 7).toString('base64');
    const original = {
      role: 'user',
      content: [
        { type: 'image', data, mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'a', blob: data, mimeType: 'application/pdf' } },
        { type: 'image', data: `no base64 ${data}`, mimeType: 'image/png' },
      ],
    };
    const { payload: stored, blobs } = spill(original, JSON.stringify(original), ['role', 'content']);
    const contents = new Map(blobs.map(({ blob, bytes }) => [blob, bytes]));
    expect(refsIn(JSON.parse(stored))).toHaveLength(3);
    expect(restored(JSON.parse(stored), (sha256) => contents.get(sha256))).toEqual(original);
  });

  it('stays a reference where it is gone', () => {
    const ref = { blob: 'a'.repeat(64), size: 1, mimeType: 'text/plain' };
    expect(restored({ rawOutput: ref, content: [{ text: ref }] }, () => undefined)).toEqual({ rawOutput: ref, content: [{ text: ref }] });
  });
});
