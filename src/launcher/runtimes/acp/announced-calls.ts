/** Of a call, in characters of JSON; what is larger stays in the log only. */
const MAX_CALL = 256 * 1024;
/** Of all calls of an agent together. */
const MAX_ALL = 4 * 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** What an agent has said of its tool calls, so that whoever decides about one sees all of it. Bounded: the oldest are forgotten first. */
export class AnnouncedCalls {
  private readonly calls = new Map<string, { readonly fields: Fields; readonly size: number }>();
  private size = 0;

  /** Adds to what is known; a field that is told again replaces what it was (Agent Client Protocol). */
  note(toolCallId: string, fields: Fields): void {
    const all = { ...this.calls.get(toolCallId)?.fields, ...fields };
    this.forget(toolCallId);
    const size = JSON.stringify(all).length;
    if (size > MAX_CALL) return;
    this.calls.set(toolCallId, { fields: all, size });
    this.size += size;
    for (const oldest of this.calls.keys()) {
      if (this.size <= MAX_ALL) return;
      this.forget(oldest);
    }
  }

  get(toolCallId: string): Fields {
    return this.calls.get(toolCallId)?.fields ?? {};
  }

  forget(toolCallId: string): void {
    this.size -= this.calls.get(toolCallId)?.size ?? 0;
    this.calls.delete(toolCallId);
  }
}
