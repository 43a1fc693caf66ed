import type { Operation } from '../history/operation.types.js';
import type { Anomaly } from './anomaly.types.js';
import { checkReads } from './reads.js';
import { bySession } from './session-history.js';
import { checkWrites } from './writes.js';

/** What a history proves to have gone wrong; nothing where every promise it can tell of was kept. Looks at nothing but the history. */
export function check(history: readonly Operation[]): Anomaly[] {
  return bySession(history).flatMap((log) => [...checkWrites(log), ...checkReads(log)]);
}

/** For people: each anomaly with the operations that show it; `most` of each kind. */
export function describeAnomalies(history: readonly Operation[], anomalies: readonly Anomaly[], most = 5): string {
  const kinds = [...new Set(anomalies.map(({ kind }) => kind))];
  return kinds
    .map((kind) => {
      const all = anomalies.filter((each) => each.kind === kind);
      const shown = all.slice(0, most).map(({ session, explanation, operations }) => {
        const lines = [...new Set(operations)].slice(0, 6).map((index) => `      ${JSON.stringify(history[index])?.slice(0, 400)}`);
        return `    session ${session}: ${explanation}\n${lines.join('\n')}`;
      });
      return `  ${kind} (${all.length})\n${shown.join('\n')}${all.length > most ? `\n    … and ${all.length - most} more` : ''}`;
    })
    .join('\n');
}
