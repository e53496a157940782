/**
 * What a store is, and the content of its items.
 *
 * @module
 */

/** What was found in a store. */
export interface Contents {
  /** Numbers of the items that are there and right. */
  readonly found: readonly number[];
  /** What is there and is no item, or is a wrong one. */
  readonly wrong: readonly string[];
}

/** A store of numbered items. */
export interface Store {
  /** Writes items from a number on, until that fails; calls back when one is promised to stay. */
  write(folder: string, from: number, kept: (number: number) => void): Promise<void>;
  /** Reads all that is there. */
  read(folder: string): Promise<Contents>;
}

/** The content of an item. */
export function payloadOf(number: number, length = 2000): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => number * 7 + at);
}

/** Whether bytes are those of an item. */
export function isPayload(bytes: Uint8Array, number: number, length?: number): boolean {
  const right = payloadOf(number, length);
  return bytes.length === right.length && bytes.every((byte, at) => byte === right[at]);
}

/** Sorts what was found into right and wrong. */
export async function sorted(
  items: AsyncIterable<readonly [number: number, isRight: boolean]>,
): Promise<Contents> {
  const [found, wrong]: [number[], string[]] = [[], []];
  for await (const [number, isRight] of items) {
    if (isRight) found.push(number);
    else wrong.push(`item ${number}`);
  }
  return { found, wrong };
}
