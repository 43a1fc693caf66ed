import { Injectable } from '@nestjs/common';
import { DatabaseIdentity } from '../core/database/database-identity.service.js';
import type { Work } from '../core/database/work.js';
import { newEpoch } from '../core/ids.js';

/** Gives the logs of all sessions a new epoch where the database was restored. */
@Injectable()
export class LogRenumbering {
  constructor(identity: DatabaseIdentity) {
    identity.addRenumbering(renumber);
  }
}

/** One epoch for all of them, and none that any of them has: a cursor names a session besides. */
async function renumber(work: Work): Promise<number> {
  const [{ sessions } = { sessions: 0 }] = await work.query<{ sessions: number | string }>(
    'select count(*) as sessions from session_heads',
  );
  const isTaken = async (epoch: string) =>
    (await work.query('select epoch from session_heads where epoch = ? limit 1', [epoch])).length > 0;
  let epoch = newEpoch();
  while (await isTaken(epoch)) epoch = newEpoch();
  await work.query('update session_heads set epoch = ?', [epoch]);
  return Number(sessions);
}
