/** The value below which `share` (0..1) of the values lie. */
export function percentile(values, share) {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How far the values of the rounds lie apart: what a ratio of them is worth. */
export const spread = (values) => (Math.max(...values) - Math.min(...values)) / median(values);

/** `least`: the measured share must reach it; `most`: must not exceed it. */
export function row({ bar, what, database = '', measured, unit, peer, peerWhat = '', ratio, least, most, notes = '', rounds }) {
  const judged = ratio ?? measured;
  const isMet = least === undefined && most === undefined ? undefined : judged >= (least ?? -Infinity) && judged <= (most ?? Infinity);
  return { bar, what, database, measured, unit, peer, peerWhat, ratio, least, most, isMet, notes, rounds };
}

/** What could not be measured is not met. */
export const failed = ({ bar = '', what, database, error }) => {
  const notes = `failed: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`;
  return { ...row({ bar, what, database, measured: NaN, unit: '', notes }), isMet: false };
};

const number = (value) =>
  value === undefined
    ? ''
    : Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString('en-US')
      : String(Number(value.toFixed(Math.abs(value) >= 100 ? 0 : 2)));

const limitOf = ({ least, most }) => (least !== undefined ? `>= ${number(least)}` : most !== undefined ? `<= ${number(most)}` : '');

function cellsOf(each) {
  return [
    String(each.bar),
    each.what,
    each.database ?? '',
    Number.isNaN(each.measured) ? '' : `${number(each.measured)} ${each.unit}`,
    each.peer === undefined ? '' : `${number(each.peer)} ${each.peerWhat}`,
    number(each.ratio),
    limitOf(each),
    each.isMet === undefined ? '' : each.isMet ? 'yes' : 'NO',
    each.notes,
  ];
}

const HEADINGS = ['bar', 'what', 'database', 'measured', 'beside', 'ratio', 'limit', 'met', ''];

/** The rows as a Markdown table that can also be read as it is. */
export function tableOf(rows) {
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(3, ...cells.map((each) => each[column].length)));
  const line = (each) => `| ${each.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [line(cells[0]), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.slice(1).map(line)].join('\n');
}
