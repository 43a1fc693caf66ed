import { InvalidInputError } from '../errors/domain.error.js';
import { checkInput } from './input.pipe.js';
import { IsJsonObject, IsText, Optional, QueryInt, QueryList } from './validators.js';

class Form {
  @Optional()
  @IsText({ max: 5 })
  name?: string;

  @Optional()
  @IsJsonObject()
  data?: Record<string, unknown>;

  @Optional()
  @IsJsonObject({ each: true })
  list?: Record<string, unknown>[];

  @QueryInt(1, 9)
  limit: number = 3;

  @Optional()
  @QueryList(['a', 'b'])
  words?: string[];
}

describe('the check of inputs', () => {
  const refusal = async (value: unknown): Promise<unknown> => {
    const error: unknown = await checkInput(Form, value).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    return error instanceof InvalidInputError ? error.details.issues?.map(({ path }) => path) : undefined;
  };

  it('converts fields and fills in what is absent', async () => {
    const form = await checkInput(Form, { limit: '7', words: 'a,b', name: 'x' });
    expect(form).toBeInstanceOf(Form);
    expect(form).toMatchObject({ limit: 7, words: ['a', 'b'], name: 'x' });
    expect(await checkInput(Form, { words: ['a', 'b'] })).toMatchObject({ limit: 3, words: ['a', 'b'] });
  });

  it.each([
    '{"constructor":"x"}',
    '{"toString":1,"valueOf":null,"hasOwnProperty":[]}',
    '{"__proto__":{"a":1}}',
    '{"a":[{"constructor":{"name":1}}],"then":"x"}',
  ])('keeps free JSON as it came: %s', async (text) => {
    const { data, list } = await checkInput(Form, { data: JSON.parse(text), list: [JSON.parse(text)] });
    expect(JSON.stringify([data, list])).toBe(`[${text},[${text}]]`);
  });

  it('refuses unknown fields, also those that every object has', async () => {
    expect(await refusal({ nmae: 'x' })).toEqual(['nmae']);
    expect(await refusal({ nmae: { deep: 1 } })).toEqual(['nmae']);
    for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      for (const value of ['1', '{"a":1}', 'null']) expect(await refusal(JSON.parse(`{"${key}":${value}}`))).toEqual([key]);
  });

  it('refuses what is no object, and names every wrong place', async () => {
    for (const value of [null, [], 'x', 1]) expect(await refusal(value)).toEqual(['']);
    expect(await refusal({ name: 'too long', limit: '0', data: [{}], words: ['c'], list: [1] })).toEqual(
      expect.arrayContaining(['name', 'limit', 'data', 'words', 'list']),
    );
  });
});
