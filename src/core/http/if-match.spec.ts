import { InvalidInputError } from '../errors/domain.error.js';
import { etagOf, parseIfMatch } from './if-match.js';

describe('If-Match', () => {
  it('gives back what ETag said', () => {
    expect(parseIfMatch(etagOf({ version: 7 }))).toEqual(['7']);
  });

  it.each([undefined, '*', ' * '])('of %p asks for no version', (header) => {
    expect(parseIfMatch(header)).toBeUndefined();
  });

  it('may list several, and be weakened on its way', () => {
    expect(parseIfMatch('"1", W/"2","x"')).toEqual(['1', '2', 'x']);
  });

  it.each(['', '7', '"7', '7"', '"a b"', '"1",', '"1" "2"', 'w/"1"', '"\u00e9"', '"1", *'])('of %p is refused', (header) => {
    expect(() => parseIfMatch(header)).toThrow(InvalidInputError);
  });
});
