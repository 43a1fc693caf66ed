import { DomainError, type ErrorDetails } from '../errors/domain.error.js';

/** What arrived is not a frame; it was dropped, the connection goes on. `code` tells what is wrong with it. */
export class FrameError extends DomainError {
  readonly kind = 'invalid_input';
  constructor(
    readonly code: 'invalid_json' | 'binary_not_supported' | 'frame_too_large' | 'invalid_frame' | 'unknown_type',
    message: string,
    details: ErrorDetails = {},
    /** The request's id, where it could be read. */
    readonly requestId?: FrameId,
  ) {
    super(message, details);
  }
}

/** What a caller calls its request by; repeated in the answer. */
export type FrameId = string | number;
