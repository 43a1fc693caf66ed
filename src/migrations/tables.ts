import { Table, type TableColumnOptions, TableIndex } from 'typeorm';
import { snakeCase } from '../core/database/columns.js';

type Column = Omit<TableColumnOptions, 'name'>;

/** The column types that are the same on both databases. Never `datetime`, `json`, `uuid`: they differ. */
export const id = (extra: Partial<Column> = {}): Column => ({ type: 'varchar', length: '64', ...extra });
export const varchar = (length: number, extra: Partial<Column> = {}): Column => ({ type: 'varchar', length: String(length), ...extra });
export const time = (extra: Partial<Column> = {}): Column => varchar(24, extra);
export const text = (extra: Partial<Column> = {}): Column => ({ type: 'text', ...extra });
export const integer = (extra: Partial<Column> = {}): Column => ({ type: 'integer', ...extra });
export const bigint = (extra: Partial<Column> = {}): Column => ({ type: 'bigint', ...extra });
export const double = (extra: Partial<Column> = {}): Column => ({ type: 'double precision', ...extra });
export const boolean = (extra: Partial<Column> = {}): Column => ({ type: 'boolean', ...extra });
export const primary: Partial<Column> = { isPrimary: true };
export const optional: Partial<Column> = { isNullable: true };

interface IndexOptions {
  readonly on: readonly string[];
  readonly isUnique?: boolean;
}

/** A table written with property names, as in its entity. */
export function table(name: string, columns: Record<string, Column>, indices: Record<string, IndexOptions> = {}): Table {
  return new Table({
    name,
    columns: Object.entries(columns).map(([property, column]) => ({ ...column, name: snakeCase(property) })),
    indices: Object.entries(indices).map(
      ([index, { on, isUnique = false }]) => new TableIndex({ name: index, columnNames: on.map(snakeCase), isUnique }),
    ),
  });
}
