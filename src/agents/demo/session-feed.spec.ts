import fc from 'fast-check';
import { piecesOf } from './session-feed.js';

describe('piecesOf', () => {
  it('cuts any text into at most 16 pieces that give it again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const pieces = piecesOf(text);
        expect(pieces.join('')).toBe(text);
        expect(pieces.length).toBeLessThanOrEqual(16);
        expect(pieces.length).toBeGreaterThanOrEqual(Array.from(text).length > 1 ? 2 : 1);
      }),
    );
  });

  it('cuts between words, and within one only where there is no other', () => {
    expect(piecesOf('one two')).toEqual(['one ', 'two']);
    expect(piecesOf('hello')).toEqual(['hel', 'lo']);
    expect(piecesOf('😀😀')).toEqual(['😀', '😀']);
  });
});
