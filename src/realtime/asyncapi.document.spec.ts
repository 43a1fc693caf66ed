import { asyncApiDocument } from './asyncapi.document.js';
import { OUT_FRAMES } from './frames.types.js';
import { COMMAND_SPECS } from './gateway/command-specs.js';

describe('asyncApiDocument', () => {
  const document: any = asyncApiDocument('1.2.3');

  const refs = (value: unknown): string[] =>
    typeof value !== 'object' || value === null
      ? []
      : Object.entries(value).flatMap(([key, each]) => (key === '$ref' ? [String(each)] : refs(each)));

  it('refers only to what it holds', () => {
    const broken = refs(document).filter((ref) => {
      const parts = ref.replace(/^#\//, '').split('/');
      return parts.reduce((at: any, part) => at?.[part], document) === undefined;
    });
    expect(broken).toEqual([]);
    expect(refs(document).length).toBeGreaterThan(100);
  });

  it('describes every frame in and out', () => {
    const messages = Object.keys(document.components.messages);
    for (const { type } of COMMAND_SPECS) expect(messages).toContain(type);
    for (const type of Object.keys(OUT_FRAMES)) if (type !== 'reply') expect(messages).toContain(type);
    for (const { type, answer } of COMMAND_SPECS) expect(messages.includes(`${type}.reply`)).toBe(answer === undefined);
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: { version: '1.2.3' } });
  });

  it('lets an operation use only messages of its channel', () => {
    for (const [name, operation] of Object.entries<any>(document.operations)) {
      const channel = operation.channel.$ref;
      for (const { $ref } of [...operation.messages, ...(operation.reply?.messages ?? [])])
        expect(`${name} ${$ref}`).toContain(` ${channel}/messages/`);
    }
  });

  it('takes the fields of a form from its rules', () => {
    const { properties, required } = document.components.schemas['request.session.create'];
    expect(properties.policy).toEqual({ enum: ['ask', 'allow-reads', 'deny', 'allow-all'] });
    expect(properties.externalId).toEqual({ type: 'string', minLength: 1, maxLength: 256 });
    expect(properties.mcpServers).toEqual({ type: 'array', items: { type: 'object' } });
    expect(required).toEqual(['type']);
    expect(document.components.schemas['request.session.input'].required).toEqual(['type', 'sessionId', 'content']);
    expect(document.components.schemas['request.subscribe'].anyOf).toHaveLength(4);
  });

  it('is the same each time', () => {
    expect(JSON.stringify(asyncApiDocument('1.2.3'))).toBe(JSON.stringify(document));
  });
});
