import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, type VariableName } from '../config/environment.js';

/** Far above any real one, and below what would stall the start. */
const MAX_BYTES = 1024 * 1024;

/** A JSON file `{"<list>": [definition…]}` that a variable names, in which people add to what is built in. */
export interface DefinitionsFile<T extends object> {
  readonly variable: VariableName;
  /** The one field of the file. */
  readonly list: string;
  /** What one of them is called, and several. */
  readonly noun: string;
  readonly plural: string;
  /** The field by which they are told apart. */
  readonly key: Extract<keyof T, string>;
  /** How one is written, for the remedy. */
  readonly example: string;
  readonly schema: z.ZodType<T> & { readonly shape: Readonly<Record<string, unknown>> };
}

/** @throws ConfigError that names file, definition and field, and never a value: they may hold secrets */
export function readDefinitions<T extends object>(file: string, kind: DefinitionsFile<T>): T[] {
  const wrong = (problem: string, remedy: string) => new ConfigError(kind.variable, `${file}: ${problem}`, remedy);
  const parsed = z.strictObject({ [kind.list]: z.array(z.unknown()) }).safeParse(jsonOf(file, kind, wrong));
  if (!parsed.success) throw wrong(issuesOf(parsed.error), `Write {"${kind.list}": [${kind.example}]}.`);
  const definitions = (parsed.data[kind.list] ?? []).map((each, index) => definitionOf(each, index, kind, wrong));
  definitions.forEach((each, index) => {
    const first = definitions.findIndex((other) => other[kind.key] === each[kind.key]);
    if (first < index)
      throw wrong(
        `${kind.noun} "${String(each[kind.key])}" is there twice (${kind.list}[${first}] and ${kind.list}[${index}])`,
        'Remove or rename one of them.',
      );
  });
  return definitions;
}

type Wrong = (problem: string, remedy: string) => ConfigError;
type Kind = Pick<DefinitionsFile<object>, 'list' | 'noun' | 'plural'>;

function jsonOf(file: string, { list, noun, plural }: Kind, wrong: Wrong): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(`cannot be read (${messageOf(error)})`, 'Name a JSON file this user can read, or remove the variable.');
  }
  if (text.length > MAX_BYTES) throw wrong('is larger than 1 MiB', `Name the JSON file with the ${plural}.`);
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw wrong(`is not JSON (${syntaxOf(error)})`, `Correct it there: {"${list}": [${noun}…]}.`);
  }
}

function definitionOf<T extends object>(value: unknown, index: number, { schema, list, noun, key }: DefinitionsFile<T>, wrong: Wrong): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const name = z.object({ [key]: z.string() }).safeParse(value).data?.[key];
  const place = `${list}[${index}]`;
  const which = name === undefined ? place : `${noun} ${JSON.stringify(name.slice(0, 64).toWellFormed())} (${place})`;
  throw wrong(`${which}: ${issuesOf(result.error)}`, `Correct it; the fields of a ${noun} are ${Object.keys(schema.shape).join(', ')}.`);
}

function issuesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length === 0 ? message : `field ${fieldOf(path)}: ${message}`))
    .join('; ');
}

const fieldOf = (path: readonly PropertyKey[]): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`)).join('');

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

/** Behind the reason Node may quote the text around the place, which may be a secret. */
const syntaxOf = (error: unknown): string => messageOf(error).split(/, (?:\.\.\.)?"/)[0] ?? '';
