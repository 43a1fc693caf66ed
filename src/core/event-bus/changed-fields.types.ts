/** Values of fields by their names, JSON-safe; `{omittedBytes}` stands for one that is too large to travel. */
export type ChangedFields = Readonly<Record<string, unknown>>;
