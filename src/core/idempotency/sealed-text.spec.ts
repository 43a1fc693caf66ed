import { seal, unseal } from './sealed-text.js';

describe('sealed texts', () => {
  const text = 'mst_pat_ä secret 🔑';

  it('are read with the same secret and salt, and look different each time', () => {
    const [one, two] = [seal(text, 'secret', 'salt'), seal(text, 'secret', 'salt')];
    expect(one).not.toBe(two);
    expect(Buffer.from(one, 'base64').toString('latin1')).not.toContain('mst_pat');
    expect([unseal(one, 'secret', 'salt'), unseal(two, 'secret', 'salt')]).toEqual([text, text]);
  });

  it('are read with nothing else, and not once they were changed', () => {
    const sealed = seal(text, 'secret', 'salt');
    const bytes = Buffer.from(sealed, 'base64');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    for (const read of [
      () => unseal(sealed, 'another secret', 'salt'),
      () => unseal(sealed, 'secret', 'another salt'),
      () => unseal(bytes.toString('base64'), 'secret', 'salt'),
      () => unseal('', 'secret', 'salt'),
    ])
      expect(read).toThrow();
  });
});
