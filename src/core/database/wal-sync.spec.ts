import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageFailedError } from '../errors/storage.errors.js';
import { deferred } from '../deferred.js';
import { WalSync } from './wal-sync.js';

describe('WalSync', () => {
  /** A file whose syncs end when they are told to. */
  function heldFile() {
    const syncs: ReturnType<typeof deferred<void>>[] = [];
    const datasync = jest.fn(() => {
      const sync = deferred();
      syncs.push(sync);
      return sync.promise;
    });
    return { syncs, datasync, sync: new WalSync(() => Promise.resolve({ datasync, close: () => Promise.resolve() })) };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('syncs a real file, and holds nothing when it is closed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'muster-sync-'));
    writeFileSync(join(directory, 'db-wal'), 'log');
    const sync = WalSync.of(join(directory, 'db'));
    await Promise.all([sync.committed(), sync.committed(), sync.committed()]);
    expect(sync.pending).toBeUndefined();
    await sync.close();
    sync.assertUsable();
    rmSync(directory, { recursive: true });
  });

  it('lets commits that come while a sync runs share the next one: theirs began before they came', async () => {
    const { syncs, datasync, sync } = heldFile();
    const told: string[] = [];
    const tell = (name: string) => () => void told.push(name);
    const all = [sync.committed().then(tell('first'))];
    await turn();
    all.push(sync.committed().then(tell('second')), sync.committed().then(tell('third')));
    await turn();
    expect(datasync).toHaveBeenCalledTimes(1);
    syncs[0]?.resolve();
    await turn();
    expect([told, datasync.mock.calls.length]).toEqual([['first'], 2]);
    expect(sync.pending).toBeDefined();
    syncs[1]?.resolve();
    await Promise.all(all);
    expect(told).toEqual(['first', 'second', 'third']);
    expect(sync.pending).toBeUndefined();
  });

  it('makes readers wait for all that is committed by now', async () => {
    const { syncs, sync } = heldFile();
    const first = sync.committed();
    await turn();
    const second = sync.committed();
    let isRead = false;
    const read = sync.pending?.then(() => (isRead = true));
    syncs[0]?.resolve();
    await first;
    await turn();
    expect(isRead).toBe(false);
    syncs[1]?.resolve();
    await Promise.all([second, read]);
    expect(isRead).toBe(true);
  });

  it('takes nothing more once a sync has failed', async () => {
    const { syncs, datasync, sync } = heldFile();
    const first = sync.committed();
    await turn();
    const second = sync.committed();
    syncs[0]?.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    await expect(first).rejects.toBeInstanceOf(StorageFailedError);
    await expect(second).rejects.toBeInstanceOf(StorageFailedError);
    expect(() => sync.assertUsable()).toThrow(StorageFailedError);
    expect(datasync).toHaveBeenCalledTimes(1);
    await sync.close();
  });
});
