import type { Problem } from '../core/errors/problem.js';
import type { FrameId } from '../core/websocket/websocket.errors.js';
import { outFrame } from './frames.types.js';
import type { OutFrame } from './out-frame.js';

/** A problem as a frame; `id` is that of the request it answers. */
export function errorFrame({ code, detail, status, remedy, issues, context, requestId }: Problem, id?: FrameId): OutFrame {
  return outFrame({
    type: 'error',
    ...(id === undefined ? {} : { id }),
    code,
    message: detail,
    status,
    ...(remedy === undefined ? {} : { remedy }),
    ...(issues === undefined ? {} : { issues: [...issues] }),
    ...(context === undefined ? {} : { context: { ...context } }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}
