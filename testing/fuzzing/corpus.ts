/**
 * The inputs that are kept: a text file for each target, one input in Base64 on each line.
 *
 * @module
 */

const pathOf = (name: string) => new URL(`./corpus/${name}.txt`, import.meta.url);

/** The kept inputs of a target. */
export async function readCorpus(name: string): Promise<Uint8Array[]> {
  try {
    const text = await Deno.readTextFile(pathOf(name));
    return text.split("\n").filter(Boolean).map((line) => Uint8Array.fromBase64(line));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Keeps inputs, those that are there already once. */
export async function writeCorpus(name: string, all: readonly Uint8Array[]): Promise<void> {
  const lines = new Set(all.map((bytes) => bytes.toBase64()));
  await Deno.writeTextFile(pathOf(name), [...lines].join("\n") + "\n");
}
