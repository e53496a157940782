/**
 * Reads the runs that this package writes, and those of Seymour-pi's encoders.
 *
 * @example All embeddings of a run
 * ```ts ignore
 * import { loadRunEmbeddings } from "@vcs/clip-drift";
 *
 * const { embeddings, timestamps, frameIndices } = await loadRunEmbeddings("runs/20260107_143022");
 * console.log(embeddings.shape, timestamps[0], frameIndices[0]);
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { readNpz } from "@vcs/transport/npz";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { byNumber } from "./numeric_order.ts";
import { ClipDriftError } from "../errors.ts";
import { PeakDecimation } from "../measures/decimation.ts";

/** Embeddings of a run, in the order of its frames. */
export interface RunEmbeddings {
  /** F32 of shape [frames, numbers]; [0, 0] if there are none. */
  readonly embeddings: Tensor<"F32">;
  /** When each frame came, in seconds since 1970. */
  readonly timestamps: Float64Array;
  /** Number of each frame. */
  readonly frameIndices: Float64Array;
}

/** One line of `drift.csv`. */
export interface DriftRecord {
  /** When the frame came, in seconds since 1970. */
  readonly timestamp: number;
  /** Number of the frame. */
  readonly index: number;
  /** Cosine with the frame before. */
  readonly similarity: number;
  /** 1 - similarity. */
  readonly drift: number;
}

/** What a run's folder holds, without its embeddings. */
export interface Run {
  /** Name of the folder. */
  readonly name: string;
  /** `config.json`. */
  readonly config: unknown;
  /** `summary.json`; undefined if the run was killed. */
  readonly summary: unknown;
  /** Lines of `drift.csv`; one cut off by a crash is skipped. */
  readonly drift: readonly DriftRecord[];
  /** Lines of `events.jsonl`; none in the original's runs. */
  readonly events: readonly unknown[];
  /** Names of the files in `snapshots`. */
  readonly snapshots: readonly string[];
}

/** A run with as many points as a plot needs. */
export interface RunOverview extends Omit<Run, "events"> {
  /** Number of lines of `drift.csv`, of which `drift` holds the highest of each stretch. */
  readonly frames: number;
}

/** Text of a file; undefined if there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Names in a folder that match, by the numbers in them; none if there is no folder. */
async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.map((entry) => entry.name).filter((name) => pattern.test(name)).sort(byNumber);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Complete lines: a crash may have cut the last one. */
function completeLines(text: string): string[] {
  return text.slice(0, text.lastIndexOf("\n") + 1).split(/\r?\n/).slice(0, -1);
}

function parseRecord(line: string): DriftRecord {
  const [timestamp, index, similarity, drift] = line.split(",").map(Number);
  return { timestamp, index, similarity, drift } as DriftRecord;
}

const isRecord = (record: DriftRecord) => Object.values(record).every(Number.isFinite);

/** More characters than a line of `drift.csv` ever has. */
const MAX_LINE = 1024;

/** Reads `drift.csv` in chunks, so that a run of days does not fill the memory. */
async function* driftRecords(run: string): AsyncGenerator<DriftRecord[]> {
  const file = await Deno.open(join(run, "drift.csv")).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  let rest = "";
  for await (const text of file?.readable.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!.slice(-MAX_LINE);
    yield lines.map(parseRecord).filter(isRecord);
  }
}

/** Refuses what is not a folder. */
async function checkRun(path: string): Promise<void> {
  const isFolder = await Deno.stat(path).then((info) => info.isDirectory, () => false);
  if (!isFolder) {
    throw new ClipDriftError("bad-run", `Cannot read run ${path}: found no such folder`);
  }
}

/** A run without what grows with every frame or event. */
async function readFixed(path: string): Promise<Omit<Run, "drift" | "events">> {
  await checkRun(path);
  return {
    name: path.replace(/[/\\]+$/, "").split(/[/\\]/).at(-1)!,
    config: parseJson(await readText(join(path, "config.json"))),
    summary: parseJson(await readText(join(path, "summary.json"))),
    snapshots: await namesIn(join(path, "snapshots"), /^frame_\d+\.jpg$/),
  };
}

/**
 * Reads a run.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder
 */
export async function readRun(path: string): Promise<Run> {
  const fixed = await readFixed(path);
  const events = await readText(join(path, "events.jsonl")) ?? "";
  return {
    ...fixed,
    drift: (await Array.fromAsync(driftRecords(path))).flat(),
    events: completeLines(events).map(parseJson).filter((event) => event !== undefined),
  };
}

/**
 * Reads a run for a plot, in bounded memory however long it was.
 *
 * @param points most lines of `drift.csv` to return, at least 2: of each stretch the one with the
 * highest drift
 * @throws {ClipDriftError} `bad-run` if there is no such folder
 */
export async function readRunOverview(path: string, points: number): Promise<RunOverview> {
  const fixed = await readFixed(path);
  const decimated = new PeakDecimation<DriftRecord>(points, ({ drift }) => drift);
  let frames = 0;
  for await (const records of driftRecords(path)) {
    frames += records.length;
    for (const record of records) decimated.add(record);
  }
  return { ...fixed, frames, drift: decimated.items };
}

/** Names of the runs in a folder, the latest first. */
export async function listRuns(root: string): Promise<string[]> {
  return (await namesIn(root, /^\d{8}_\d{6}(_\d+)?$/)).reverse();
}

/** Takes a member of a batch in one of its types. */
function member(batch: ReadonlyMap<string, Tensor>, name: string, path: string): Tensor {
  const found = batch.get(name);
  if (found === undefined) {
    throw new ClipDriftError(
      "bad-run",
      `Cannot read ${path}: found ${[...batch.keys()].join(", ") || "nothing"}, expected ${name}`,
    );
  }
  return found;
}

/** Joins the batches' embeddings. */
function joinRows(parts: readonly Tensor[]): Tensor<"F32"> {
  const width = parts[0]?.shape[1] ?? 0;
  const count = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  const data = new Float32Array(count * width);
  let at = 0;
  for (const part of parts) {
    if (part.shape[1] !== width || !(part.data instanceof Float32Array)) {
      throw new ClipDriftError(
        "bad-run",
        `Cannot join embeddings: found ${part.dtype} [${part.shape}], expected F32 [frames, ${width}]`,
      );
    }
    data.set(part.data, at);
    at += part.data.length;
  }
  return tensor("F32", [count, width], data);
}

/** Joins the batches' numbers: float64, int64, or int32 as NumPy 1 wrote them on Windows. */
function joinNumbers(parts: readonly Tensor[]): Float64Array {
  return Float64Array.from(parts.flatMap((part) => Array.from(part.data, Number)));
}

/**
 * Reads the embeddings of a run, ours or the original's, joined over its batches.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or a batch lacks an array
 */
export async function loadRunEmbeddings(path: string): Promise<RunEmbeddings> {
  await checkRun(path);
  const folder = join(path, "embeddings");
  const parts: Record<"embeddings" | "timestamps" | "frame_indices", Tensor[]> = {
    embeddings: [],
    timestamps: [],
    frame_indices: [],
  };
  for (const name of await namesIn(folder, /^batch_\d+\.npz$/)) {
    const file = join(folder, name);
    const batch = await readNpz(file);
    for (const key of ["embeddings", "timestamps", "frame_indices"] as const) {
      parts[key].push(member(batch, key, file));
    }
  }
  return {
    embeddings: joinRows(parts.embeddings),
    timestamps: joinNumbers(parts.timestamps),
    frameIndices: joinNumbers(parts.frame_indices),
  };
}
