import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const textContent = z.object({ type: z.literal('content'), content: z.object({ type: z.literal('text'), text: z.string() }) });
const diffContent = z.object({ type: z.literal('diff'), path: z.string(), oldText: z.string().nullable(), newText: z.string() });

const message = <Author extends 'user' | 'agent' | 'thought'>(author: Author) =>
  z.object({ type: z.literal(author), messageId: z.string(), text: z.string() });

/** A tool call as it ended: the shape of an ACP `ToolCall`. */
const toolRecord = z.object({
  type: z.literal('tool'),
  toolCallId: z.string(),
  title: z.string(),
  name: z.string(),
  kind: z.enum(['read', 'edit', 'execute']),
  status: z.enum(['completed', 'failed']),
  locations: z.array(z.object({ path: z.string() })),
  content: z.array(z.discriminatedUnion('type', [textContent, diffContent])),
  rawInput: z.record(z.string(), z.string()),
  rawOutput: z.record(z.string(), z.unknown()).optional(),
});

const conversationRecord = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session'), sessionId: z.string(), cwd: z.string() }),
  message('user'),
  z.object({ type: z.literal('context'), text: z.string() }),
  message('agent'),
  message('thought'),
  toolRecord,
]);

export type ToolRecord = z.infer<typeof toolRecord>;

/** One line of a conversation's file. */
export type ConversationRecord = z.infer<typeof conversationRecord>;

/** Ids are names of files: nothing in them may mean something to the file system. */
const SESSION_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Conversations as JSONL, one file a session id, readable by their owner only. Written synchronously: a record that was appended outlives the process. */
export class ConversationStore {
  constructor(private readonly folder: string) {}

  /** Begins a conversation. The folder is made where it is absent. */
  create(sessionId: string, cwd: string): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const first: ConversationRecord = { type: 'session', sessionId, cwd };
    writeFileSync(this.fileOf(sessionId), `${JSON.stringify(first)}\n`, { flag: 'wx', mode: 0o600 });
  }

  append(sessionId: string, record: ConversationRecord): void {
    appendFileSync(this.fileOf(sessionId), `${JSON.stringify(record)}\n`);
  }

  /**
   * All records of a conversation in order, or null where there is none of that id. Lines that can't be read are left out; one that
   * was torn by the end of its process is closed, so that the next record starts on a line of its own.
   */
  find(sessionId: string): ConversationRecord[] | null {
    if (!SESSION_ID.test(sessionId)) return null;
    const file = this.fileOf(sessionId);
    if (!existsSync(file)) return null;
    const text = readFileSync(file, 'utf8');
    if (!text.endsWith('\n')) appendFileSync(file, '\n');
    return text.split('\n').flatMap(parseRecord);
  }

  private fileOf(sessionId: string): string {
    if (!SESSION_ID.test(sessionId)) throw new Error(`${JSON.stringify(sessionId)} is no session id`);
    return join(this.folder, `${sessionId}.jsonl`);
  }
}

function parseRecord(line: string): ConversationRecord[] {
  try {
    return [conversationRecord.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}
