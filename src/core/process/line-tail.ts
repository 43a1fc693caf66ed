/** Keeps the last lines of an output: enough to tell why a program ended. */
export class LineTail {
  private readonly lines: string[] = [];

  constructor(
    private readonly maxLines = 20,
    private readonly maxLength = 400,
  ) {}

  push(line: string): void {
    if (line.trim() === '') return;
    this.lines.push(line.length > this.maxLength ? `${line.slice(0, this.maxLength)}…` : line);
    if (this.lines.length > this.maxLines) this.lines.shift();
  }

  get text(): string {
    return this.lines.join('\n');
  }
}
