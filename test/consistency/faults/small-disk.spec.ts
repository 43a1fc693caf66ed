import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_SMALL_DISK, SmallDisk } from './small-disk.js';

(NO_SMALL_DISK === undefined ? describe : describe.skip)('a small disk', () => {
  it('is full, and then no longer', () => {
    const disk = SmallDisk.mount(3);
    try {
      const write = () => writeFileSync(join(disk.dir, 'some'), Buffer.alloc(5_000));
      write();
      disk.fill();
      expect(() => writeFileSync(join(disk.dir, 'more'), 'x')).toThrow(/ENOSPC/);
      disk.free();
      write();
    } finally {
      disk.unmount();
    }
  });
});
