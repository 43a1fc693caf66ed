import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { VARIABLES, type Variable } from '../../src/config/environment.js';
import { MusterConfig } from '../../src/config/muster-config.js';

const ROOT = resolve(__dirname, '../..');
const read = (path: string): string => readFileSync(resolve(ROOT, path), 'utf8');
const variables: readonly Variable[] = VARIABLES;
const secrets = variables.filter((each) => each.isSecret).map((each) => `${each.name}_FILE`);
const known = [...variables.map((each) => each.name), ...secrets];
/** A default that is another on every machine is told in words. */
const fixedDefault = ({ fallback }: Variable): string => (fallback === undefined || fallback === homedir() ? '' : fallback);

describe('.env.example', () => {
  const assignments = new Map(
    [...read('.env.example').matchAll(/^#?(MUSTER_[A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );

  it('shows every variable with its description and default', () => {
    const text = read('.env.example').replace(/\n# /g, ' ');
    for (const variable of variables) {
      expect({ name: variable.name, value: assignments.get(variable.name) }).toEqual({
        name: variable.name,
        value: fixedDefault(variable),
      });
      expect(text).toContain(variable.describe);
    }
  });

  it('shows how each secret is read from a file', () => {
    expect(secrets.filter((name) => assignments.get(name) !== '')).toEqual([]);
  });

  it('shows nothing else', () => {
    expect([...assignments.keys()].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('is a configuration that starts, as it is and with every line uncommented', () => {
    const given = Object.fromEntries(assignments);
    expect(() => new MusterConfig(given)).not.toThrow();
  });
});

describe('docs/configuration.md', () => {
  const rows = [...read('docs/configuration.md').matchAll(/^\| `(MUSTER_[A-Z_]+)`(?:<br>`(MUSTER_[A-Z_]+)`)? \| (.*?) \| (.*) \|$/gm)];

  it('lists the same variables, in the same order, with the same defaults', () => {
    const listed = rows.map(([, name, file, shown]) => ({ name, file, shown }));
    const expected = variables.map((variable) => ({
      name: variable.name,
      file: variable.isSecret ? `${variable.name}_FILE` : undefined,
      shown: variable.fallback === homedir() ? 'your home directory' : fixedDefault(variable) && `\`${fixedDefault(variable)}\``,
    }));
    expect(listed).toEqual(expected);
  });
});
