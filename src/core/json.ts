export type JsonObject = Record<string, unknown>;

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object in a text of ours. Nothing is copied, so that every key comes back as it was stored. @throws Error where it is none */
export function parseObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('A stored JSON text is not an object.');
  return value;
}
