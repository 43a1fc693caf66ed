import { rawItems } from './digest.js';

describe('the items of an array, as they were sent', () => {
  it.each([
    ['{"items":[]}', []],
    ['{"items":[{"a":1}],"b":[{"c":2}]}', ['{"a":1}']],
    ['{"x":"y","items":[{"a": 1 },{"b":[{"c":"]}"}]}],"z":1}', ['{"a": 1 }', '{"b":[{"c":"]}"}]}']],
    ['{"items":[{"a":"\\"}]"},{"a":"\\\\"}]}', ['{"a":"\\"}]"}', '{"a":"\\\\"}']],
    ['{"others":[{"a":1}]}', []],
  ])('%s', (text, items) => {
    expect(rawItems(text, 'items')).toEqual(items);
  });
});
