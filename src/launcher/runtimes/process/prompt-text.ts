import type { ContentBlock } from '../../../events/event-payloads.types.js';

const PLACEHOLDER = '{prompt}';

/** How a prompt reaches a program: in its arguments, or on its standard input. */
export interface PromptedCommand {
  readonly args: readonly string[];
  readonly stdin: string | null;
}

/** A prompt as text; null where it holds what is none (images, audio, binary resources). */
export function promptText(content: readonly ContentBlock[]): string | null {
  const parts: string[] = [];
  for (const block of content) {
    if (block.type === 'text') parts.push(block.text);
    else if (block.type === 'resource_link') parts.push(block.uri);
    else if (block.type === 'resource' && block.resource.text !== undefined) parts.push(`${block.resource.uri}\n${block.resource.text}`);
    else return null;
  }
  return parts.join('\n');
}

/**
 * Puts a prompt in the place of `{prompt}` in the arguments, else on stdin. No shell reads it. A prompt that is a whole argument and
 * begins with a dash gets a blank before it, so that it is never taken for an option. An argument can hold no NUL (execve(2)).
 */
export function promptedCommand(args: readonly string[], prompt: string): PromptedCommand {
  if (!args.some((each) => each.includes(PLACEHOLDER))) return { args, stdin: prompt };
  const text = prompt.replaceAll('\u0000', '\uFFFD');
  const whole = text.startsWith('-') ? ` ${text}` : text;
  return { args: args.map((each) => (each === PLACEHOLDER ? whole : each.split(PLACEHOLDER).join(text))), stdin: null };
}
