import { Planted } from '../support/planted.js';

describe('the search for planted secrets', () => {
  it.each([
    ['as it is', (secret: string) => secret],
    ['cut in half', (secret: string) => secret.slice(20)],
    ['in a basic credential', (secret: string) => Buffer.from(`ada:${secret}`).toString('base64')],
    ['in base 64 behind two characters', (secret: string) => Buffer.from(`xx${secret}yyy`).toString('base64')],
  ])('finds one %s', (_title, write) => {
    const planted = new Planted();
    const secret = planted.make('it');
    planted.saw('here', 'nothing');
    expect(planted.found()).toEqual([]);
    planted.saw('there', `before ${write(secret)} behind`);
    expect(planted.found()).toHaveLength(1);
    expect(planted.found()[0]).toMatch(/^it in there/);
  });

  it('finds one that needs an encoding in a URL, and none where it is allowed', () => {
    const planted = new Planted();
    planted.note('it', 'a secret with spaces & more');
    planted.saw('here', 'a secret with spaces & more', ['it']);
    expect(planted.found()).toEqual([]);
    planted.saw('here', `?key=${encodeURIComponent('a secret with spaces & more')}`);
    expect(planted.found()).toHaveLength(1);
  });
});
