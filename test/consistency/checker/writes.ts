import type { Anomaly, AnomalyKind } from './anomaly.types.js';
import type { SessionHistory, Written } from './session-history.js';

/** Written by the server itself, so nobody's append. */
const SYSTEM_TYPES: readonly string[] = ['status'];

type Found = (kind: AnomalyKind, explanation: string, ...operations: number[]) => void;

/** What was written against what was read: lost, unseen, twice, out of order, or never written at all. */
export function checkWrites(log: SessionHistory): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const found: Found = (kind, explanation, ...operations) => anomalies.push({ kind, session: log.session, explanation, operations });
  checkAcknowledged(log, found);
  checkNumbers(log, found);
  checkOrder(log, found);
  checkOrigins(log, found);
  checkBytes(log, found);
  checkFinal(log, found);
  return anomalies;
}

function checkAcknowledged(log: SessionHistory, found: Found): void {
  const seenIds = new Set([...log.seen.values()].flatMap((sightings) => sightings.map(({ event }) => event.id)));
  const highest = Math.max(0, ...log.seen.keys());
  for (const { id, acks, attempts } of log.written.values()) {
    const [ack] = acks;
    if (!ack) continue;
    if (!seenIds.has(id)) {
      if (ack.seq <= highest)
        found('lost-write', `${id} was acknowledged as ${ack.seq}; others up to ${highest} were read, it never was.`, ack.index);
      else if (log.final)
        found('unseen', `${id} was acknowledged as ${ack.seq}; the log was read up to ${highest}.`, ack.index, log.final.index);
    }
    const firsts = acks.filter(({ duplicate }) => !duplicate);
    if (firsts.length > 1)
      found(
        'duplicate',
        `${id} was told ${firsts.length} times to be new, as ${firsts.map(({ seq }) => seq).join(', ')}.`,
        ...firsts.map(({ index }) => index),
      );
    if (attempts === 1 && firsts.length === 0)
      found('duplicate', `${id} was sent once, and answered as a duplicate of ${ack.seq}.`, ack.index);
  }
}

function checkNumbers(log: SessionHistory, found: Found): void {
  for (const [id, seqs] of log.seqsOf) {
    if (seqs.size < 2) continue;
    const where = [...seqs].flatMap((seq) => log.seen.get(seq)?.find(({ event }) => event.id === id)?.index ?? []);
    const acked = log.written.get(id)?.acks.map(({ index }) => index) ?? [];
    found('duplicate', `${id} is known as ${[...seqs].join(' and ')}.`, ...acked, ...where);
  }
  const claims = new Map<number, Map<string, number>>();
  const claim = (seq: number, id: string, index: number) => {
    const ids = claims.get(seq) ?? new Map<string, number>();
    if (!ids.has(id)) ids.set(id, index);
    claims.set(seq, ids);
  };
  for (const { id, acks } of log.written.values()) for (const { seq, index } of acks) claim(seq, id, index);
  for (const [seq, sightings] of log.seen) for (const { event, index } of sightings) claim(seq, event.id, index);
  for (const [seq, ids] of claims)
    if (ids.size > 1) found('inconsistent-offsets', `${seq} is ${[...ids.keys()].join(' and ')}.`, ...ids.values());
}

/** Real time: whoever was first sent after another was acknowledged comes after it. And the items of one batch come in their order. */
function checkOrder(log: SessionHistory, found: Found): void {
  const firstSent = new Map<number, Written[]>();
  for (const written of log.written.values()) firstSent.set(written.firstInvoke, [...(firstSent.get(written.firstInvoke) ?? []), written]);
  let highest = { seq: 0, id: '', index: -1 };
  for (const operation of log.operations) {
    if (operation.f !== 'append') continue;
    if (operation.phase === 'invoke') {
      for (const { id, acks } of firstSent.get(operation.index) ?? []) {
        const [ack] = acks;
        if (ack && ack.seq <= highest.seq)
          found(
            'nonmonotonic-send',
            `${id} was first sent after ${highest.id} was acknowledged as ${highest.seq}, and became ${ack.seq}.`,
            highest.index,
            operation.index,
            ack.index,
          );
      }
      continue;
    }
    let before: { seq: number; id: string } | undefined;
    for (const item of operation.items) {
      if (item.outcome !== 'ok') continue;
      if (item.seq > highest.seq) highest = { seq: item.seq, id: item.id, index: operation.index };
      if (item.duplicate) continue;
      if (before && item.seq <= before.seq)
        found(
          'nonmonotonic-send',
          `In one batch ${item.id} became ${item.seq}, after ${before.id} had become ${before.seq}.`,
          operation.index,
        );
      before = item;
    }
  }
}

function checkOrigins(log: SessionHistory, found: Found): void {
  const told = new Set<string>();
  for (const sightings of log.seen.values())
    for (const { event, index } of sightings) {
      if (SYSTEM_TYPES.includes(event.type) || told.has(event.id)) continue;
      const written = log.written.get(event.id);
      if (written && written.refusals < written.attempts) continue;
      told.add(event.id);
      found(
        'aborted-read',
        written
          ? `${event.id} was read as ${event.seq}; every attempt to write it was refused.`
          : `${event.id} was read as ${event.seq}; nobody wrote it.`,
        index,
      );
    }
}

function checkBytes(log: SessionHistory, found: Found): void {
  for (const [seq, sightings] of log.seen) {
    const [first] = sightings;
    const other = sightings.find(({ event }) => event.id === first?.event.id && event.bytes !== first.event.bytes);
    if (first && other) found('wrong-bytes', `${seq} (${first.event.id}) came with two texts.`, first.index, other.index);
    for (const { event, index } of sightings) {
      const written = log.written.get(event.id);
      if (!written || written.content === event.content) continue;
      found('wrong-bytes', `${event.id} was read as ${seq} with another content than was written.`, written.firstInvoke, index);
      break;
    }
  }
  for (const { id, content, acks } of log.written.values()) {
    const other = acks.find((ack) => ack.content !== content);
    if (other) found('wrong-bytes', `${id} was accepted again with another content.`, other.index);
  }
}

function checkFinal(log: SessionHistory, found: Found): void {
  const { final } = log;
  if (!final) return;
  const here = new Set(final.events.map(({ id }) => id));
  const told = new Set<string>();
  for (const [seq, sightings] of log.seen)
    for (const { event, index } of sightings) {
      if (here.has(event.id) || told.has(event.id) || (index > final.began && seq > final.until)) continue;
      told.add(event.id);
      found('vanished', `${event.id} was read as ${seq}, and is not there in the end.`, index, final.index);
    }
  const seqs = final.events.map(({ seq }) => seq);
  const wrong = seqs.findIndex((seq, at) => seq !== at + 1);
  if (wrong >= 0) found('gap', `Number ${wrong + 1} of the log is ${seqs[wrong]}.`, final.index);
  if (wrong < 0 && final.until !== seqs.length)
    found('gap', `The log has ${seqs.length} events; its cursor says ${final.until}.`, final.index);
}
