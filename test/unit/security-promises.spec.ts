import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
const promises = [...readFileSync(resolve(ROOT, 'SECURITY.md'), 'utf8').matchAll(/`(\S+\.spec\.ts) › ([^`]+)`/g)].map(
  ([, file = '', title = '']) => ({ file, title }),
);

describe('SECURITY.md', () => {
  it('names a test for what it promises', () => expect(promises.length).toBeGreaterThan(20));

  it.each(promises)('names one that there is: $file › $title', ({ file, title }) => {
    expect(existsSync(resolve(ROOT, file))).toBe(true);
    const text = readFileSync(resolve(ROOT, file), 'utf8').replaceAll("\\'", "'");
    expect(text).toMatch(new RegExp(`it(\\.each\\([^]*?\\))?\\(\\s*(['"\`])${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\2`));
  });
});
