import { z } from 'zod';
import type { FrameId } from '../core/websocket/websocket.errors.js';
import type { ResyncRequiredError } from '../events/events.errors.js';
import { cursor, outFrame } from './frames.types.js';
import type { OutFrame } from './out-frame.js';

const context = z.object({ sessionId: z.string().optional(), reason: z.string(), earliest: cursor });

/** The refusal of a cursor as a frame: of a session's log, or of the feed where it names no session. */
export function resyncFrame(error: ResyncRequiredError, id?: FrameId): OutFrame {
  const { sessionId, reason, earliest } = context.parse(error.details.context);
  const common = { type: 'resync_required', ...(id === undefined ? {} : { id }), reason, earliest } as const;
  return outFrame(sessionId === undefined ? { ...common, feed: true } : { ...common, sessionId });
}
