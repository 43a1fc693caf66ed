import { ConversationRecord, ConversationStore } from './conversation.store.js';

/** What was said and done in one session so far; every record is on disk before `record` returns. */
export class Conversation {
  private prompt: string | null = null;
  private count = 0;

  private constructor(
    private readonly store: ConversationStore,
    readonly sessionId: string,
    /** What was on disk when this conversation was found, for a replay. */
    readonly earlier: readonly ConversationRecord[],
  ) {
    for (const record of earlier) this.take(record);
  }

  static begin(store: ConversationStore, sessionId: string, cwd: string): Conversation {
    store.create(sessionId, cwd);
    return new Conversation(store, sessionId, []);
  }

  /** The conversation that an earlier session left, or null. */
  static find(store: ConversationStore, sessionId: string): Conversation | null {
    const records = store.find(sessionId);
    return records && new Conversation(store, sessionId, records);
  }

  /** The first prompt of the conversation, also of one that it was only told of; null before it. */
  get firstPrompt(): string | null {
    return this.prompt;
  }

  /** How many words were exchanged: the demo agent's idea of tokens. */
  get words(): number {
    return this.count;
  }

  record(record: ConversationRecord): void {
    this.store.append(this.sessionId, record);
    this.take(record);
  }

  private take(record: ConversationRecord): void {
    if (record.type === 'user') this.prompt ??= record.text;
    if (record.type === 'context') this.prompt ??= firstPromptIn(record.text);
    this.count += textsOf(record).reduce((sum, text) => sum + countWords(text), 0);
  }
}

/** What the user said first in a conversation that was told line by line, each behind "> ". */
function firstPromptIn(context: string): string | null {
  const lines = context.split('\n');
  const start = lines.indexOf('> User:') + 1;
  if (start === 0) return null;
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('> '));
  return lines
    .slice(start, end < 0 ? undefined : end)
    .map((line) => line.slice(2))
    .join('\n');
}

function textsOf(record: ConversationRecord): string[] {
  if (record.type === 'session') return [];
  if (record.type !== 'tool') return [record.text];
  return record.content.map((part) => (part.type === 'diff' ? part.newText : part.content.text));
}

const countWords = (text: string): number => text.split(/\s+/).filter(Boolean).length;
