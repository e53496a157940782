/**
 * What the entries share: data, and checks that need no module of Node.
 *
 * @module
 */

/** Reads a file of the repository. */
export type Read = (path: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Does real work and reports what it found; each runtime must report what Deno does. */
export type Entry = (read: Read) => Promise<unknown>;

/** Fails unless two values are the same as JSON. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${what}: found ${found}, expected ${wanted}`);
}

/** SHA-256 of bytes, in hexadecimal digits. */
export async function digest(bytes: Uint8Array): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A number without its last digits, which differ between engines' exponentials. */
export function rounded(x: number | undefined): number | undefined {
  return x === undefined ? undefined : Number(x.toPrecision(9));
}

/** Whole numbers from 0 to 255 that look random and are the same everywhere. */
export function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state >>> 24;
  });
}
