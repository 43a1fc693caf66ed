/**
 * What may not happen. The first nine are those of Jepsen's workload for Kafka (jepsen.tests.kafka), where a session is a
 * partition, a `seq` an offset, an append a send and a page or frame a poll; the others are promises of our own.
 */
export const ANOMALIES = {
  'lost-write': 'acknowledged, others behind it were read, and nobody was ever given it',
  unseen: 'acknowledged, and never given to anybody, also not after everything was healed',
  duplicate: 'one event has two numbers, or two attempts were each told to be the first',
  'inconsistent-offsets': 'one number stands for two events',
  'int-skip': 'one frame or page leaves out a number',
  'int-nonmonotonic-poll': 'one frame or page goes back',
  skip: 'a reader was led past an event: a frame, a cursor or the end does not follow what it had',
  'nonmonotonic-poll': 'a reader was given again, or out of order, what it had',
  'nonmonotonic-send':
    'an event has a smaller number than one that was acknowledged before it was first sent, or than the one before it in its batch',
  'aborted-read': 'read, but all attempts to write it were refused, or nobody wrote it',
  vanished: 'read once, and no longer there in the end',
  gap: 'the log is not 1, 2, 3 … to its end',
  'stale-read': 'a read that began after an acknowledgement, or after somebody had read it, does not reach it',
  'wrong-bytes': 'one number came with two texts, or with another content than was written',
  'refused-cursor': 'a cursor of this server was refused by it, or its epoch changed',
  'double-end': 'the log ends twice, or one stream is told so twice',
  'after-end': 'something follows the end of the log or of a stream',
  stalled: 'what was healed does not go on: an append is not accepted, a reader does not come to the end',
} as const;

export type AnomalyKind = keyof typeof ANOMALIES;

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly session: string;
  readonly explanation: string;
  /** The operations that show it, by index. */
  readonly operations: readonly number[];
}
