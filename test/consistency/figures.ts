import type { Operation } from './history/operation.types.js';

/** What a run was made of. */
export interface Figures {
  readonly operations: number;
  readonly acknowledged: number;
  readonly duplicates: number;
  readonly unknown: number;
  /** Attempts that stored nothing, by their code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly unknownBy: Readonly<Record<string, number>>;
  /** Pages and frames with events, by the way they came. */
  readonly reads: Readonly<Record<string, number>>;
  readonly eventsRead: number;
  readonly streams: number;
  readonly ends: number;
  /** How often a reader was told that it takes less than there is. */
  readonly slow: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export function figuresOf(history: readonly Operation[]): Figures {
  const refused: Record<string, number> = {};
  const unknownBy: Record<string, number> = {};
  const reads: Record<string, number> = {};
  const faults: Record<string, number> = {};
  let [acknowledged, duplicates, unknown, eventsRead, streams, ends, slow] = [0, 0, 0, 0, 0, 0, 0];
  const count = (into: Record<string, number>, key: string) => (into[key] = (into[key] ?? 0) + 1);
  for (const operation of history) {
    if (operation.f === 'append' && operation.phase !== 'invoke')
      for (const item of operation.items) {
        if (item.outcome === 'ok') {
          if (item.duplicate) duplicates += 1;
          else acknowledged += 1;
        } else if (item.outcome === 'fail') count(refused, item.code);
        else {
          unknown += 1;
          count(unknownBy, item.code);
        }
      }
    if (operation.f === 'read' && operation.phase === 'invoke' && (operation.via === 'sse' || operation.via === 'ws')) streams += 1;
    if (operation.f === 'read' && operation.phase === 'ok') {
      if (operation.frame === 'end') ends += 1;
      if ((operation.events?.length ?? 0) > 0) count(reads, operation.via);
      eventsRead += operation.events?.length ?? 0;
    }
    if (operation.f === 'read' && operation.phase === 'info' && operation.code === 'slow') slow += 1;
    if (operation.f === 'fault' && operation.phase === 'begin') count(faults, operation.kind);
  }
  return {
    operations: new Set(history.map(({ op }) => op)).size,
    acknowledged,
    duplicates,
    unknown,
    refused,
    unknownBy,
    reads,
    eventsRead,
    streams,
    ends,
    slow,
    faults,
    seconds: (history.at(-1)?.at ?? 0) / 1_000,
  };
}
