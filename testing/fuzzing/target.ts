/**
 * What a fuzz target is, what came of an input, and inputs that differ from others a little.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";
import { mutations, random } from "../fuzz.ts";

/** A part of what was read, in a form that readers in other languages can compare. */
export type Part = readonly [name: string, type: string, shape: readonly number[], sha256: string];

/** A parser under test. */
export interface Target {
  /** Its name, which is that of its corpus. */
  readonly name: string;
  /** Inputs that are as they should be. */
  readonly seeds: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Words and numbers of the format, which are put into inputs. */
  readonly words: readonly string[];
  /** Reads an input to its end; gives what can be compared, where another reader exists. */
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => unknown;
  /** The reader to compare with: one of `reference.py`. */
  readonly reference?: "safetensors" | "npy" | "npz" | "zip" | "torch" | "image" | "json";
  /** Names of errors that are documented beside ours. Default: none. */
  readonly throws?: readonly string[];
}

/** How reading ended. */
export interface Outcome {
  /** Whether that is as it should be: a value or an error of ours, soon. */
  readonly isGood: boolean;
  /** What distinguishes it from others: the error without its numbers and names. */
  readonly kind: string;
  /** What was read. */
  readonly parts?: readonly Part[];
}

/** An error of ours, by its class: they all have codes, and those of pages have a number. */
function isOurs(error: unknown): error is Error {
  return error instanceof CodedError || error instanceof Error && error.name === "FrameError";
}

function shapeOf(message: string): string {
  return message.replace(/"(\\.|[^"\\])*"/g, '"…"').replace(/-?\d[\d.e+,]*/g, "0")
    .replace(/0x[0-9a-f]+/gi, "0x").replace(/(\/[\w.-]+)+(?=\/)/g, "").replace(
      /[^\x20-\x7e…]/g,
      "?",
    ).slice(0, 160);
}

/**
 * Reads an input, and says how that ended.
 *
 * @param stuck milliseconds after which a reader counts as stuck. Default: no limit.
 */
export async function outcomeOf(
  { read, throws = [] }: Target,
  bytes: Uint8Array,
  stuck = Infinity,
): Promise<Outcome> {
  const start = performance.now();
  let outcome: Outcome;
  try {
    const value = await read(new Uint8Array(bytes));
    outcome = { isGood: true, kind: "read", ...(Array.isArray(value) && { parts: value }) };
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const isGood = isOurs(error) || throws.includes(name);
    const code = error instanceof CodedError ? error.code : "";
    const kind = `${name} ${code}: ${shapeOf(message)}`;
    const frames = stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
    outcome = { isGood, kind: [kind, ...isGood ? [] : frames].join("\n") };
  }
  const milliseconds = performance.now() - start;
  if (milliseconds <= stuck) return outcome;
  return { isGood: false, kind: `${Math.round(milliseconds)} ms for ${bytes.length} bytes` };
}

/** Texts as bytes: each character up to U+00FF is one. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Bytes as they come over a connection: in pieces of some lengths. */
export async function* pieces(
  bytes: Uint8Array<ArrayBuffer>,
  ...lengths: readonly number[]
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const rest = [...lengths];
  for (let at = 0; at < bytes.length;) {
    const length = rest.shift() ?? bytes.length;
    rest.push(length);
    yield await Promise.resolve(bytes.slice(at, at += length));
  }
}

/** Whole numbers at which readers err, as formats write them. */
function extremes(): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (
    const value of [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0xffffffffn, 2n ** 53n]
  ) {
    for (const bytes of [1, 2, 4, 8]) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, value, true);
      const little = new Uint8Array(view.buffer).slice(0, bytes);
      all.push(little, little.toReversed());
    }
  }
  return all;
}

const EXTREMES = extremes();

/**
 * Inputs without end, each made of those that are kept: damaged, with words of the format put in or
 * over, joined of two. What a caller adds to `pool` is used from then on.
 */
export function* inputs(
  pool: readonly Uint8Array[],
  words: readonly string[],
  seed: number,
): Generator<Uint8Array> {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(all: readonly T[]) => all[below(all.length)]!;
  const pieces = [...EXTREMES, ...words.map(latin1)];
  const spliced = (bytes: Uint8Array) => {
    const piece = pick(pieces);
    const at = below(bytes.length + 1);
    const rest = bytes.subarray(Math.min(bytes.length, next() < 0.6 ? at + piece.length : at));
    return new Uint8Array([...bytes.subarray(0, at), ...piece, ...rest]);
  };
  const crossed = (bytes: Uint8Array) => {
    const other = pick(pool);
    const tail = other.subarray(below(other.length + 1));
    return new Uint8Array([...bytes.subarray(0, below(bytes.length + 1)), ...tail]);
  };
  for (;;) {
    let bytes = pick(pool);
    const way = next();
    if (way < 0.5) bytes = spliced(bytes);
    if (way > 0.9) bytes = crossed(bytes);
    if (way < 0.2 || way > 0.45 && bytes.length > 0) {
      [bytes] = [...mutations(bytes, 1, below(2 ** 31))] as [Uint8Array];
    }
    yield bytes;
  }
}
