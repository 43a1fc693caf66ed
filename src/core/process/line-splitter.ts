const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** One line without its end. */
export interface Line {
  readonly text: string;
  /** Bytes of the line beyond the limit, which are gone. */
  readonly dropped: number;
}

/** Cuts a stream of bytes into lines of UTF-8; of a line only the first `maxBytes` are kept, so that memory is bounded. */
export class LineSplitter {
  private pieces: Buffer[] = [];
  private size = 0;
  private dropped = 0;

  constructor(private readonly maxBytes: number) {}

  /** The lines that `chunk` completes. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.keep(chunk.subarray(start, end));
      lines.push(this.take());
      start = end + 1;
    }
    this.keep(chunk.subarray(start));
    return lines;
  }

  /** What stands behind the last line end, if anything does. */
  flush(): Line[] {
    return this.size + this.dropped > 0 ? [this.take()] : [];
  }

  private keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.maxBytes - this.size);
    if (kept.length > 0) this.pieces.push(kept);
    this.size += kept.length;
    this.dropped += bytes.length - kept.length;
  }

  private take(): Line {
    const bytes = Buffer.concat(this.pieces, this.size);
    const end = bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length;
    const line = { text: bytes.toString('utf8', 0, end), dropped: this.dropped };
    this.pieces = [];
    this.size = 0;
    this.dropped = 0;
    return line;
  }
}

/** A line for people: what was cut off is told. */
export const shown = ({ text, dropped }: Pick<Line, 'text' | 'dropped'>): string =>
  dropped > 0 ? `${text} … [${dropped} more bytes]` : text;
