import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGroup } from '../../../core/process/spawn-group.js';
import { ProcessTurn } from './process-turn.js';

describe('a run of a program', () => {
  it('loses nothing of what it said, however slowly that is stored', async () => {
    const lines = 3_000;
    const group = await spawnGroup({
      program: process.execPath,
      args: ['-e', `for (let n = 1; n <= ${lines}; n++) console.log(String(n).padStart(400, '.'))`],
      cwd: process.cwd(),
      env: {},
    });
    const stored: unknown[] = [];
    const turn = new ProcessTurn(group, {
      output: 'text',
      stopGraceMs: 1_000,
      record: async (events) => {
        // A database that takes longer for a batch than the program lives.
        if (events.length > 0) await sleep(40);
        stored.push(...events);
      },
    });
    expect(await turn.run()).toMatchObject({ state: 'completed' });
    expect(stored.map((event) => Number(String(Object(Object(event).payload).text).replace(/^\.*/, '')))).toEqual(
      Array.from({ length: lines }, (_, index) => index + 1),
    );
  });
});
