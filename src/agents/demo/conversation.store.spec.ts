import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Conversation } from './conversation.js';
import { ConversationRecord, ConversationStore } from './conversation.store.js';

describe('ConversationStore', () => {
  let top: string;
  let home: string;
  let store: ConversationStore;
  const said = (text: string): ConversationRecord => ({ type: 'agent', messageId: 'm', text });

  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'demo-store-'));
    home = join(top, 'deep', 'home');
    store = new ConversationStore(home);
  });
  afterEach(() => rmSync(top, { recursive: true }));

  it('finds what was recorded, in order', () => {
    const tool: ConversationRecord = {
      type: 'tool',
      toolCallId: 't',
      title: 'Write a',
      name: 'write',
      kind: 'edit',
      status: 'completed',
      locations: [{ path: '/w/a' }],
      content: [{ type: 'diff', path: '/w/a', oldText: null, newText: 'x' }],
      rawInput: { path: 'a' },
      rawOutput: { exitCode: null },
    };
    store.create('s-1', '/w');
    store.append('s-1', said('line\u2028\nbreak'));
    store.append('s-1', tool);
    expect(store.find('s-1')).toEqual([{ type: 'session', sessionId: 's-1', cwd: '/w' }, said('line\u2028\nbreak'), tool]);
  });

  it('keeps conversations to their owner and never begins one twice', () => {
    store.create('s-1', '/w');
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, 's-1.jsonl')).mode & 0o777).toBe(0o600);
    expect(() => store.create('s-1', '/w')).toThrow('EEXIST');
  });

  it('finds nothing where there is nothing', () => {
    expect(store.find('s-1')).toBeNull();
  });

  it.each(['', '../s', 'a/b', 'a.b', 'a\0', 'x'.repeat(65)])('takes %j for no id', (id) => {
    writeFileSync(join(top, 's.jsonl'), '');
    expect(store.find(id)).toBeNull();
    expect(() => store.append(id, said('x'))).toThrow('is no session id');
  });

  it('leaves out a torn line and goes on behind it', () => {
    store.create('s-1', '/w');
    appendFileSync(join(home, 's-1.jsonl'), '{"type":"agent","mess');
    expect(store.find('s-1')).toHaveLength(1);
    store.append('s-1', said('after'));
    expect(store.find('s-1')?.at(-1)).toEqual(said('after'));
    expect(readFileSync(join(home, 's-1.jsonl'), 'utf8').split('\n')).toHaveLength(4);
  });

  it('leaves out a record of a shape it does not know', () => {
    store.create('s-1', '/w');
    appendFileSync(join(home, 's-1.jsonl'), '{"type":"dream"}\n[]\n');
    expect(store.find('s-1')).toHaveLength(1);
  });

  describe('Conversation', () => {
    it('knows its first prompt and its words, also when it is found again', () => {
      const conversation = Conversation.begin(store, 's-1', '/w');
      expect([conversation.firstPrompt, conversation.words, conversation.earlier]).toEqual([null, 0, []]);
      conversation.record({ type: 'user', messageId: 'u', text: 'one two' });
      conversation.record(said('three'));
      conversation.record({ type: 'user', messageId: 'v', text: 'four' });
      const found = Conversation.find(store, 's-1');
      for (const each of [conversation, found]) expect([each?.firstPrompt, each?.words]).toEqual(['one two', 4]);
      expect(found?.earlier).toHaveLength(4);
      expect(Conversation.find(store, 's-2')).toBeNull();
    });
  });
});
