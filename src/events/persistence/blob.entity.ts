import { EntitySchema } from 'typeorm';
import { wholeNumber } from '../../core/database/columns.js';
import type { Dialect } from '../../core/database/dialect.js';

/** Content too large for an event, kept once by its hash, whoever holds it. */
export interface Blob {
  sha256: string;
  size: number;
  bytes: Buffer;
}

/** The mapping of {@link Blob}: a schema and not a class, because bytes are the one type that the two databases name differently. */
export const blobSchema = (dialect: Dialect): EntitySchema<Blob> =>
  new EntitySchema<Blob>({
    name: 'Blob',
    tableName: 'blobs',
    columns: {
      sha256: { type: 'varchar', length: 64, primary: true },
      size: { type: 'bigint', transformer: wholeNumber },
      bytes: { type: dialect === 'sqlite' ? 'blob' : 'bytea' },
    },
  });
