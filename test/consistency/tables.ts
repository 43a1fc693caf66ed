import type { RunResult } from './run.js';

const counts = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || '–';

/** One line a schedule. */
export function runTable({ schedule, figures, anomalies }: RunResult): string {
  const { operations, acknowledged, duplicates, unknown, eventsRead, seconds, faults } = figures;
  return `${schedule.database.padEnd(8)} seed ${String(schedule.seed).padEnd(10)} ${seconds.toFixed(1).padStart(5)} s  ${String(operations).padStart(5)} operations  ${String(acknowledged).padStart(5)} events stored  ${String(duplicates).padStart(4)} again  ${String(unknown).padStart(4)} unknown  ${String(eventsRead).padStart(6)} read  ${counts(faults)}  ${anomalies.length === 0 ? 'no anomaly' : `${anomalies.length} ANOMALIES`}\n`;
}

/** What all of them make together, for each database. */
export function totalsTable(results: readonly RunResult[]): string {
  const lines = [
    '',
    '| | ' +
      [
        'schedules',
        'operations',
        'events stored',
        'unknown outcomes',
        'events read',
        'streams',
        'faults',
        'anomalies',
        'seconds',
        'stored a second',
      ].join(' | ') +
      ' |',
  ];
  lines.push(`|---|${'---|'.repeat(10)}`);
  for (const database of ['sqlite', 'postgres'] as const) {
    const own = results.filter(({ schedule }) => schedule.database === database);
    if (own.length === 0) continue;
    const sum = (of: (result: RunResult) => number): number => own.reduce((total, each) => total + of(each), 0);
    const seconds = sum(({ figures }) => figures.seconds);
    const stored = sum(({ figures }) => figures.acknowledged);
    const cells = [
      own.length,
      sum(({ figures }) => figures.operations),
      stored,
      sum(({ figures }) => figures.unknown),
      sum(({ figures }) => figures.eventsRead),
      sum(({ figures }) => figures.streams),
      sum(({ figures }) => total(figures.faults)),
      sum(({ anomalies }) => anomalies.length),
      Math.round(seconds),
      Math.round(stored / Math.max(1, seconds)),
    ];
    lines.push(`| ${database} | ${cells.join(' | ')} |`);
  }
  for (const database of ['sqlite', 'postgres'] as const) {
    const own = results.filter(({ schedule }) => schedule.database === database);
    if (own.length === 0) continue;
    const merged = (of: (result: RunResult) => Readonly<Record<string, number>>) => counts(merge(own.map(of)));
    lines.push('', `${database}: faults: ${merged(({ figures }) => figures.faults)}`);
    lines.push(`${database}: frames and pages read: ${merged(({ figures: { reads, ends, slow } }) => ({ ...reads, ends, slow }))}`);
    lines.push(`${database}: refused: ${merged(({ figures }) => figures.refused)}`);
    lines.push(`${database}: unknown: ${merged(({ figures }) => figures.unknownBy)}`);
  }
  return `${lines.join('\n')}\n`;
}

const total = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((sum, each) => sum + each, 0);

function merge(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const each of all) for (const [name, count] of Object.entries(each)) merged[name] = (merged[name] ?? 0) + count;
  return merged;
}
