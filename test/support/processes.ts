import { readdirSync, readFileSync } from 'node:fs';

/** Processes that run and were started with this in their environment: an agent's own and everything it brought forth. */
export function processesWith(variable: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return (
          readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable) &&
          !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
        );
      } catch {
        return false; // gone in the meantime, or not ours to read
      }
    })
    .map(Number);
}

/** The shims that hold a session's agent. */
export const shimsOf = (sessionId: string): number[] =>
  processesWith(`MUSTER_SESSION_ID=${sessionId}`).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('shim.main');
    } catch {
      return false;
    }
  });
