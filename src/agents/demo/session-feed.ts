import { setImmediate } from 'node:timers/promises';
import type { AgentContext, SessionUpdate } from '@agentclientprotocol/sdk';
import { newId } from '../../core/ids.js';
import { Conversation } from './conversation.js';
import { ConversationRecord } from './conversation.store.js';

/** The window that the demo agent claims to have, in words. */
const CONTEXT_SIZE_WORDS = 200_000;
const MAX_PIECES = 16;

/** What one session tells its client; messages are also kept in the conversation. */
export class SessionFeed {
  constructor(
    readonly client: AgentContext,
    readonly conversation: Conversation,
  ) {}

  /** Sends one update and lets the event loop turn, so that a cancellation is heard however much there is to say. */
  async send(update: SessionUpdate): Promise<void> {
    await this.client.notify('session/update', { sessionId: this.conversation.sessionId, update });
    await setImmediate();
  }

  /** Streams one message under one id. Where `signal` fires, what was already sent is what is kept. */
  async stream(author: 'agent' | 'thought', pieces: Iterable<string> | AsyncIterable<string>, signal: AbortSignal): Promise<void> {
    const messageId = newId();
    let text = '';
    try {
      for await (const piece of pieces) {
        signal.throwIfAborted();
        await this.send(messageChunk(author, messageId, piece));
        text += piece;
      }
    } finally {
      if (text !== '') this.conversation.record({ type: author, messageId, text });
    }
  }

  /** Sends the messages and tool calls of earlier turns again, one update each. */
  async replay(): Promise<void> {
    for (const record of this.conversation.earlier) {
      const update = replayOf(record);
      if (update) await this.send(update);
    }
  }

  async sendUsage(): Promise<void> {
    const used = Math.min(this.conversation.words, CONTEXT_SIZE_WORDS);
    await this.send({ sessionUpdate: 'usage_update', used, size: CONTEXT_SIZE_WORDS });
  }
}

function replayOf(record: ConversationRecord): SessionUpdate | null {
  switch (record.type) {
    case 'session':
    case 'context':
      return null;
    case 'tool': {
      const { type: _, ...call } = record;
      return { sessionUpdate: 'tool_call', ...call };
    }
    default:
      return messageChunk(record.type, record.messageId, record.text);
  }
}

const CHUNK = { user: 'user_message_chunk', agent: 'agent_message_chunk', thought: 'agent_thought_chunk' } as const;

function messageChunk(author: keyof typeof CHUNK, messageId: string, text: string): SessionUpdate {
  return { sessionUpdate: CHUNK[author], messageId, content: { type: 'text', text } };
}

/** `text` in at most 16 pieces of whole words; a single word of two characters or more in two. Joined they are `text` again. */
export function piecesOf(text: string): string[] {
  const words = text.match(/\s*\S+\s*/gu) ?? [text];
  const units = words.length > 1 ? words : halvesOf(text);
  const size = Math.ceil(units.length / MAX_PIECES);
  return Array.from({ length: Math.ceil(units.length / size) }, (_, index) => units.slice(index * size, (index + 1) * size).join(''));
}

function halvesOf(text: string): string[] {
  const points = Array.from(text);
  const middle = Math.ceil(points.length / 2);
  return [points.slice(0, middle).join(''), points.slice(middle).join('')].filter((half, index) => index === 0 || half !== '');
}
