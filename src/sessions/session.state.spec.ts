import { isEnded, isLive, mayMove, MOVES } from './session.state.js';
import { SESSION_STATUSES, type SessionStatus } from './session.types.js';

/** Written down independent of the code: `from: to to to`. */
const EXPECTED = `
queued: starting suspended stopped failed
starting: running idle awaiting_approval suspended failed stopped lost
running: idle awaiting_approval suspended completed failed stopped expired lost
idle: running awaiting_approval suspended completed failed stopped expired lost
awaiting_approval: running idle suspended completed failed stopped expired lost
suspended: queued starting completed stopped expired
lost: running idle awaiting_approval queued starting suspended completed failed stopped
completed:
failed:
stopped:
expired:
`;

const allowed = new Map(
  EXPECTED.trim()
    .split('\n')
    .map((line) => line.split(':'))
    .map(([from = '', to = '']) => [from, to.trim().split(' ').filter(Boolean)]),
);

const everyMove = SESSION_STATUSES.flatMap((from) => SESSION_STATUSES.map((to): [SessionStatus, SessionStatus] => [from, to]));

describe('the moves of a session', () => {
  it('are told for every status', () => {
    expect(Object.keys(MOVES).sort()).toEqual([...SESSION_STATUSES].sort());
    expect([...allowed.keys()].sort()).toEqual([...SESSION_STATUSES].sort());
  });

  it.each(everyMove)('%s → %s', (from, to) => {
    expect(mayMove(from, to, 'acp')).toBe(allowed.get(from)?.includes(to));
  });

  it('let a suspended session go on by itself only where its agent is not ours', () => {
    expect(mayMove('suspended', 'running', 'external')).toBe(true);
    expect(mayMove('suspended', 'running', 'acp')).toBe(false);
  });

  it('end where nothing follows', () => {
    expect(SESSION_STATUSES.filter(isEnded)).toEqual(['completed', 'failed', 'stopped', 'expired']);
    expect(SESSION_STATUSES.filter((status) => isLive(status) && isEnded(status))).toEqual([]);
  });
});
