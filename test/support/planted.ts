import { randomBytes } from 'node:crypto';

/** Secrets that a test hands out, and the search for them in whatever a server lets out. */
export class Planted {
  private readonly secrets = new Map<string, string>();
  private readonly texts = new Map<string, string>();

  /** A new one, of 40 characters. */
  make(name: string): string {
    return this.note(name, `planted${randomBytes(17).toString('hex').slice(0, 33)}`);
  }

  /** One that somebody else made. */
  note(name: string, secret: string): string {
    if (secret.length < 16) throw new Error(`${name} is no secret: ${JSON.stringify(secret)}`);
    this.secrets.set(name, secret);
    return secret;
  }

  /** What came out somewhere. `except`: secrets that may be there. */
  saw(where: string, text: string, except: readonly string[] = []): void {
    for (const name of except) if (!this.secrets.has(name)) throw new Error(`No secret is called ${name}`);
    const allowed = except.reduce((rest, name) => rest.replaceAll(this.secrets.get(name) ?? '', '(allowed)'), text);
    this.texts.set(where, (this.texts.get(where) ?? '') + allowed);
  }

  text(where: string): string {
    return this.texts.get(where) ?? '';
  }

  get names(): string[] {
    return [...this.secrets.keys()];
  }

  /** Every place with every secret that can be found in it: as it is, encoded for a URL or in base 64, or its second half. */
  found(): string[] {
    return [...this.texts].flatMap(([where, text]) =>
      [...this.secrets].flatMap(([name, secret]) =>
        formsOf(secret).some((form) => text.includes(form)) ? [`${name} in ${where}: …${around(text, secret)}…`] : [],
      ),
    );
  }
}

function formsOf(secret: string): string[] {
  const base64 = (lead: string) =>
    Buffer.from(lead + secret)
      .toString('base64')
      .slice(4, -4);
  return [secret, encodeURIComponent(secret), base64(''), base64('a'), base64('aa'), secret.slice(Math.ceil(secret.length / 2))];
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret.slice(Math.ceil(secret.length / 2)));
  return text.slice(Math.max(0, at - 200), at + 60);
}
