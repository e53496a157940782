/**
 * Searches one target for some seconds, as a process of its own: what hangs or kills it is in the file
 * `last`, which holds the input that is being read.
 *
 * @module
 */
import { readCorpus } from "./corpus.ts";
import { inputs, type Outcome, outcomeOf, type Part, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** An input, and what came of it. */
export interface Found {
  /** The input in Base64. */
  readonly bytes: string;
  /** How it ended. */
  readonly kind: string;
  /** What was read. */
  readonly parts?: readonly Part[];
}

/** What a search came to. */
export interface Search {
  /** Inputs that were read. */
  readonly runs: number;
  /** One input for each way of ending. */
  readonly kinds: readonly Found[];
  /** Inputs that ended as none may. */
  readonly bad: readonly Found[];
  /** Inputs with a value, to be compared with another reader. */
  readonly read: readonly Found[];
}

/** Longest input that is kept: the corpus stays small. */
const LONGEST = 2048;
/** Most inputs that are kept for their way of ending, and those compared with another reader. */
const [MOST_KINDS, MOST_READ] = [60, 3000];

/** After so many milliseconds for a few bytes, a reader is stuck. */
const STUCK = 5000;

const foundOf = (bytes: Uint8Array, { kind, parts }: Outcome): Found => ({
  bytes: bytes.toBase64(),
  kind,
  ...(parts && { parts }),
});

/** Puts the length of an input and the input at the start of a file, whatever stands behind them. */
function keep(file: Deno.FsFile, bytes: Uint8Array): void {
  const framed = new Uint8Array(4 + bytes.length);
  new DataView(framed.buffer).setUint32(0, bytes.length);
  framed.set(bytes, 4);
  file.seekSync(0, Deno.SeekMode.Start);
  file.writeSync(framed);
}

/** Reads inputs until the time is over; a new way of ending is a way to go on from. */
async function search(target: Target, seconds: number, seed: number, last: string) {
  const pool = [...await target.seeds(), ...await readCorpus(target.name)];
  const kinds = new Map<string, Found>();
  const bad = new Map<string, Found>();
  const read: Found[] = [];
  const note = (bytes: Uint8Array, outcome: Outcome) => {
    const { kind, isGood, parts } = outcome;
    if (!isGood && bad.size < 20 && !bad.has(kind)) bad.set(kind, foundOf(bytes, outcome));
    if (parts && read.length < MOST_READ) read.push(foundOf(bytes, outcome));
    if (kinds.has(kind) || bytes.length > LONGEST || kinds.size >= MOST_KINDS) return;
    kinds.set(kind, foundOf(bytes, outcome));
    pool.push(bytes);
  };
  using file = await Deno.open(last, { write: true, create: true });
  const end = performance.now() + seconds * 1000;
  let runs = 0;
  for (const bytes of [...pool]) note(bytes, await outcomeOf(target, bytes, STUCK));
  for (const bytes of inputs(pool, target.words, seed)) {
    if (performance.now() > end) break;
    keep(file, bytes);
    note(bytes, await outcomeOf(target, bytes, STUCK));
    runs++;
  }
  return { runs, kinds: [...kinds.values()], bad: [...bad.values()], read };
}

if (import.meta.main) {
  const [name, seconds, seed, last, out] = Deno.args as [string, string, string, string, string];
  const target = TARGETS.find((target) => target.name === name)!;
  const found: Search = await search(target, Number(seconds), Number(seed), last);
  await Deno.writeTextFile(out, JSON.stringify(found));
  Deno.exit(0);
}
