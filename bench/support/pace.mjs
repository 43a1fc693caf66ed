import { setTimeout as sleep } from 'node:timers/promises';
import { HttpLink, requestBytes } from './http-link.mjs';
import { eventText, renewable } from './load.mjs';

const LINKS = 8;
const now = () => Number(process.hrtime.bigint()) / 1e6;

/**
 * Appends single events at a rate, whether or not the one before is answered, to the sessions in turns. Gives what was acknowledged as
 * `[session index, seq, time]`. `path` for what is not Muster.
 */
export async function paced(server, { perSecond, seconds, sessions, type, path = (id) => `/api/sessions/${id}/events` }) {
  const links = await Promise.all(Array.from({ length: LINKS }, () => HttpLink.open(server.port)));
  const free = [...links];
  const requests = sessions.map((id) => renewable(requestBytes('POST', path(id), server.key, eventText(type)).bytes));
  const acks = [];
  const underWay = new Set();
  const start = performance.now();
  for (let turn = 0; turn < perSecond * seconds; turn++) {
    const wait = start + (turn / perSecond) * 1_000 - performance.now();
    if (wait > 0) await sleep(wait);
    const link = free.pop() ?? (await HttpLink.open(server.port));
    if (!links.includes(link)) links.push(link);
    const index = turn % sessions.length;
    const append = link.request(requests[index]()).then(({ status, body }) => {
      const time = now();
      if (status !== 201) throw new Error(`Answered ${status}: ${body.toString()}`);
      acks.push([index, JSON.parse(body).seq, time]);
      free.push(link);
      underWay.delete(append);
    });
    underWay.add(append);
  }
  await Promise.all(underWay);
  links.forEach((link) => link.close());
  return acks;
}
