/** RFC 6455 §5.2: the last fragment of a text message; what a server sends is not masked. */
const FIN_TEXT = 0x81;
/** Lengths up to here stand in the second byte; 126 says that two more bytes have it, 127 that eight have. */
const MAX_SHORT = 125;
const MAX_TWO_BYTES = 0xffff;

/**
 * A text message as a server's frame on the wire: the same bytes for every peer, so that they are made once. `write` puts its
 * `length` bytes of UTF-8 into `frame` at `at`.
 */
export function textFrame(length: number, write: (frame: Buffer, at: number) => void): Buffer {
  const start = length <= MAX_SHORT ? 2 : length <= MAX_TWO_BYTES ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FIN_TEXT;
  if (start === 2) frame[1] = length;
  else if (start === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  write(frame, start);
  return frame;
}
