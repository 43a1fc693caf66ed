import { Directive, parsePrompt } from './directives.js';

const cases: [prompt: string, expected: Directive[]][] = [
  ['say: hello there ', [{ kind: 'say', text: 'hello there' }]],
  ['think:hm', [{ kind: 'think', text: 'hm' }]],
  ['read:my file.txt', [{ kind: 'read', path: 'my file.txt' }]],
  ['write:a/b.txt one\\ntwo', [{ kind: 'write', path: 'a/b.txt', text: 'one\ntwo' }]],
  ['write:a.txt', [{ kind: 'write', path: 'a.txt', text: '' }]],
  ['run:echo a: b', [{ kind: 'run', command: 'echo a: b' }]],
  ['slow:0.25', [{ kind: 'slow', seconds: 0.25 }]],
  ['fail:no luck', [{ kind: 'fail', message: 'no luck' }]],
  ['exit:255', [{ kind: 'exit', code: 255 }]],
  ['recall:', [{ kind: 'recall' }]],
];

describe('parsePrompt', () => {
  it.each(cases)('reads %j', (prompt, expected) => {
    expect(parsePrompt(prompt)).toEqual(expected);
  });

  it.each([
    'slow:soon',
    'slow:-1',
    'exit:256',
    'exit:x',
    'say:',
    'read: ',
    'write:',
    'run:',
    'fail:',
    'recall: all',
    'Say:x',
    'toString:x',
  ])('takes %j for no directive', (prompt) => {
    expect(parsePrompt(prompt)).toEqual([{ kind: 'echo', text: prompt }]);
  });

  it('keeps the order of the lines, skips blank ones and takes unknown ones singly', () => {
    expect(parsePrompt('hello\r\n\r\n  say:a\nhttp://x\nread:b')).toEqual([
      { kind: 'echo', text: 'hello' },
      { kind: 'say', text: 'a' },
      { kind: 'echo', text: 'http://x' },
      { kind: 'read', path: 'b' },
    ]);
  });

  it.each(['hello\n\n there ', ''])('takes %j, which has no directive, as it is', (prompt) => {
    expect(parsePrompt(prompt)).toEqual([{ kind: 'echo', text: prompt }]);
  });
});
