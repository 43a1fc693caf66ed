import { readFrame } from './frame-reader.js';
import { FrameError } from './websocket.errors.js';

const large = ['append'];
const read = (text: string, isBinary = false) => readFrame(Buffer.from(text), isBinary, { large });
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof FrameError ? `${error.code}${error.requestId === undefined ? '' : ` ${error.requestId}`}` : String(error);
  }
};

describe('readFrame', () => {
  it('takes type and id apart from the other fields', () => {
    expect(read('{"type":"ping","id":7,"a":1}')).toEqual({ type: 'ping', id: 7, fields: { a: 1 } });
    expect(read('{"type":"ping"}')).toEqual({ type: 'ping', fields: {} });
  });

  it.each([
    ['{', 'invalid_json'],
    ['', 'invalid_json'],
    ['null', 'invalid_frame'],
    ['[]', 'invalid_frame'],
    ['"x"', 'invalid_frame'],
    ['{"id":"a"}', 'invalid_frame a'],
    ['{"type":1,"id":"a"}', 'invalid_frame a'],
    ['{"type":"x","id":{}}', 'invalid_frame'],
    ['{"type":"x","id":""}', 'invalid_frame'],
    ['{"type":"x","id":1.5}', 'invalid_frame'],
    [`{"type":"x","id":"a","deep":${'['.repeat(70)}${']'.repeat(70)}}`, 'invalid_frame a'],
    ['{"type":"__proto__","id":"a"}', 'none'],
  ])('answers %.40s with %s', (text, code) => {
    expect(codeOf(() => read(text))).toBe(code);
  });

  it('refuses binary', () => {
    expect(codeOf(() => read('{"type":"x"}', true))).toBe('binary_not_supported');
  });

  it('takes 2 MiB of anything, and more only of what says early that it may', () => {
    const pad = 'x'.repeat(2 * 1024 * 1024);
    expect(codeOf(() => read(`{"type":"append","pad":"${pad}"}`))).toBe('none');
    expect(codeOf(() => read(`{"type":"ping","pad":"${pad}"}`))).toBe('frame_too_large');
    expect(codeOf(() => read(`{"pad":"${pad}","type":"append"}`))).toBe('frame_too_large');
    expect(codeOf(() => read(`{"type":"append","pad":"${pad}","type":"ping","id":1}`))).toBe('frame_too_large 1');
    expect(codeOf(() => read(`{"type":"ping","pad":"${pad.slice(100)}"}`))).toBe('none');
  });
});
