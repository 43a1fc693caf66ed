/** A text from outside as any column can hold it: without NUL and half surrogate pairs, at most `max` UTF-16 code units. */
export const storable = (text: string, max: number): string => text.replaceAll('\u0000', '\uFFFD').slice(0, max).toWellFormed();
