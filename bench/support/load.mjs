import { randomBytes, randomUUID } from 'node:crypto';

export const PAYLOAD_BYTES = 500;

const PAYLOADS = {
  message: (text) => ({ role: 'assistant', content: [{ type: 'text', text }] }),
  log: (text) => ({ level: 'info', text }),
  tool_update: (text) => ({ toolCallId: 'call-1', status: 'completed', rawOutput: { text } }),
};

/** A payload whose JSON has exactly {@link PAYLOAD_BYTES} bytes. */
export function payloadOf(type) {
  const make = PAYLOADS[type];
  if (!make) throw new Error(`--type: one of ${Object.keys(PAYLOADS).join(', ')}`);
  const around = JSON.stringify(make('')).length;
  return make(
    randomBytes(PAYLOAD_BYTES)
      .toString('base64url')
      .slice(0, PAYLOAD_BYTES - around),
  );
}

/** An event whose id is {@link NO_ID}, as JSON. */
export const eventText = (type) => JSON.stringify({ id: NO_ID, type, payload: payloadOf(type) });
export const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The same bytes again and again, with new ids where {@link NO_ID} stood. The ids are UUIDv4. */
export function renewable(bytes) {
  const places = [];
  for (let at = bytes.indexOf(NO_ID); at >= 0; at = bytes.indexOf(NO_ID, at + 1)) places.push(at);
  return () => {
    const copy = Buffer.from(bytes);
    for (const at of places) copy.latin1Write(randomUUID(), at);
    return copy;
  };
}

/** Requests after which V8 has compiled what it will compile. */
export const WARM_UP = 5_000;

/**
 * Keeps every link busy with one request at a time for `seconds`, and until there were `least`; `next(linkIndex)` gives the bytes. What was begun within that time
 * counts, and the time until the last of it is answered. `cpuUs`: of the server, a request. Fails at the first answer that is not `status`.
 */
export async function closedLoop({ server, links, next, seconds, least = 0, status }) {
  const latencies = [];
  const cpu = server.cpu;
  const start = performance.now();
  const until = start + seconds * 1_000;
  await Promise.all(
    links.map(async (link, index) => {
      for (let now = start; now < until || latencies.length < least;) {
        const answer = await link.request(next(index));
        if (answer.status !== status) throw new Error(`Answered ${answer.status}: ${answer.body.toString()}`);
        const then = performance.now();
        latencies.push(then - now);
        now = then;
      }
    }),
  );
  const took = (performance.now() - start) / 1_000;
  const { length: count } = latencies;
  return { count, perSecond: count / took, cpuUs: ((server.cpu - cpu) / count) * 1e6, latencies };
}

/** Runs each side once to warm it (`isWarmUp`), then all of them in turns, in changing order; gives the results of each, round by round. */
export async function interleaved(sides, { rounds }) {
  const names = Object.keys(sides);
  for (const name of names) await sides[name]({ isWarmUp: true });
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 ? names.toReversed() : names) results[name].push(await sides[name]({ isWarmUp: false }));
  return results;
}
