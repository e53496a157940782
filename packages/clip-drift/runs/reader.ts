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

/** Names of the batches of embeddings. */
const BATCH = /^batch_\d+\.npz$/;
/** Most bytes of a batch of embeddings. */
const MAX_BATCH = 1 << 30;
/** Most bytes of `config.json` and `summary.json`, of all events, and of a table of frames. */
const [MAX_ABOUT, MAX_EVENTS, MAX_TABLE] = [1 << 20, 64 << 20, 1 << 30];
/** Most bytes of a snapshot. */
const MAX_SNAPSHOT = 64 << 20;

/**
 * Refuses what is no ordinary file, or larger than such a file ever is: a run's folder may come from
 * anywhere, and a device, a pipe or a link in it could be read without end or tell what it must not.
 */
async function checkFile(path: string, most: number): Promise<void> {
  const { isFile, size } = await Deno.lstat(path);
  const found = !isFile ? "something that is no file" : size > most ? `${size} bytes` : undefined;
  if (found === undefined) return;
  const expected = `a file of at most ${most} bytes`;
  throw new ClipDriftError("bad-run", `Cannot read ${path}: found ${found}, expected ${expected}`);
}

/** Whether there is a file; refuses as {@linkcode checkFile}. */
async function isThere(path: string, most: number): Promise<boolean> {
  try {
    await checkFile(path, most);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Text of a file; undefined if there is none. */
async function readText(path: string, most: number): Promise<string | undefined> {
  return await isThere(path, most) ? await Deno.readTextFile(path) : undefined;
}

/** Refuses a link or a file in the place of a run's folder: it could lead anywhere. */
async function checkFolder(path: string): Promise<void> {
  if ((await Deno.lstat(path)).isDirectory) return;
  const found = "found something that is no folder";
  throw new ClipDriftError("bad-run", `Cannot read ${path}: ${found}, expected a folder`);
}

/** The order of names of one form whose numbers have leading zeros; far quicker than {@linkcode byNumber}. */
const byLength = (a: string, b: string) => a.length - b.length || Number(a > b) - Number(a < b);

/** Names in a run's folder that match, by the number in them; none if there is no folder. */
async function namesWithin(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    await checkFolder(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return namesIn(folder, pattern, byLength);
}

/** Names in a folder that match, in an order; none if there is no folder. */
function namesIn(
  folder: string,
  pattern: RegExp,
  order: (a: string, b: string) => number = byNumber,
): string[] {
  try {
    // Of tens of thousands of snapshots, far quicker than one by one.
    const entries = [...Deno.readDirSync(folder)];
    return entries.map((entry) => entry.name).filter((name) => pattern.test(name)).sort(order);
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

/** Whether a line of `drift.csv` is that of a frame, not its head and not damaged. */
export const isFrameLine = (line: string): boolean => isRecord(parseRecord(line));

/** More characters than a line of a table ever has. */
const MAX_LINE = 4096;

/**
 * Reads the complete lines of a file in chunks, so that a run of days does not fill the memory; none if
 * there is no file. One of more bytes than a table of frames, or than `most`, is refused.
 */
export async function* lineBatches(path: string, most = MAX_TABLE): AsyncGenerator<string[]> {
  if (!await isThere(path, most)) return;
  const file = await Deno.open(path);
  let rest = "";
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!.slice(-MAX_LINE);
    yield lines;
  }
}

/** Reads the last complete lines of a file, of at most so many bytes; none if there is no file. */
export async function readTail(path: string, most: number): Promise<string[]> {
  if (!await isThere(path, Infinity)) return [];
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const from = Math.max(0, size - most);
  await file.seek(from, Deno.SeekMode.Start);
  const bytes = await readUpTo(file, size - from);
  const lines = completeLines(new TextDecoder().decode(bytes));
  return from > 0 ? lines.slice(1) : lines;
}

/** Reads so many bytes, or all that are left. */
async function readUpTo(file: Deno.FsFile, most: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(most);
  let length = 0;
  while (length < most) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** Refuses what is not a folder. */
async function checkRun(path: string): Promise<void> {
  const isFolder = await Deno.stat(path).then((info) => info.isDirectory, () => false);
  if (!isFolder) {
    throw new ClipDriftError("bad-run", `Cannot read run ${path}: found no such folder`);
  }
}

/** Name of a run's camera; undefined where `config.json` has none, or cannot be read. */
export async function cameraOf(run: string): Promise<string | undefined> {
  const text = await readText(join(run, "config.json"), MAX_ABOUT).catch(() => undefined);
  const { camera } = Object(parseJson(text)) as Readonly<Record<string, unknown>>;
  return typeof camera === "string" ? camera : undefined;
}

/**
 * What a run's folder says of the run as a whole.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder
 */
export async function readAbout(path: string): Promise<Pick<Run, "name" | "config" | "summary">> {
  await checkRun(path);
  return {
    name: path.replace(/[/\\]+$/, "").split(/[/\\]/).at(-1)!,
    config: parseJson(await readText(join(path, "config.json"), MAX_ABOUT)),
    summary: parseJson(await readText(join(path, "summary.json"), MAX_ABOUT)),
  };
}

/**
 * Names of a run's snapshots, in their order.
 *
 * @throws {ClipDriftError} `bad-run` if their folder is none
 */
export async function snapshotNames(path: string): Promise<string[]> {
  return await namesWithin(join(path, "snapshots"), /^frame_\d+\.jpg$/);
}

/**
 * Reads a run without what grows with every frame or event.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or what is in it is no such file
 */
export async function readFixed(path: string): Promise<Omit<Run, "drift" | "events">> {
  return { ...await readAbout(path), snapshots: await snapshotNames(path) };
}

/** The frames of `drift.csv`; its text is never held as a whole. */
async function readDrift(path: string): Promise<DriftRecord[]> {
  const drift: DriftRecord[] = [];
  for await (const lines of lineBatches(path)) {
    for (const record of lines.map(parseRecord)) if (isRecord(record)) drift.push(record);
  }
  return drift;
}

/**
 * Reads a run.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder
 */
export async function readRun(path: string): Promise<Run> {
  const fixed = await readFixed(path);
  const events = await readText(join(path, "events.jsonl"), MAX_EVENTS) ?? "";
  return {
    ...fixed,
    drift: await readDrift(join(path, "drift.csv")),
    events: completeLines(events).map(parseJson).filter((event) => event !== undefined),
  };
}

/**
 * Reads a snapshot of a run.
 *
 * @throws {ClipDriftError} `bad-run` if it is no file, or larger than such files are
 * @throws {Deno.errors.NotFound} if there is none
 */
export async function readSnapshot(run: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  await checkFolder(join(run, "snapshots"));
  const path = join(run, "snapshots", name);
  await checkFile(path, MAX_SNAPSHOT);
  return await Deno.readFile(path);
}

/** Names of the runs in a folder, the latest first. */
export function listRuns(root: string): Promise<string[]> {
  return Promise.try(() => namesIn(root, /^\d{8}_\d{6}(_\d+)?$/).reverse());
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

/** What a batch holds of one kind of numbers: float64, int64, or int32 as NumPy 1 wrote them on Windows. */
function numbersOf(batch: ReadonlyMap<string, Tensor>, name: string, path: string): Float64Array {
  const { data } = member(batch, name, path);
  return data instanceof Float64Array ? data : Float64Array.from(data, Number);
}

/** Embeddings of a batch, of the width that those before have. */
function embeddingsOf(
  batch: ReadonlyMap<string, Tensor>,
  path: string,
  wanted: number | undefined,
): Tensor<"F32"> {
  const { dtype, shape, data } = member(batch, "embeddings", path);
  const [rows = 0, width = 0] = shape;
  if (shape.length === 2 && (wanted ?? width) === width && data instanceof Float32Array) {
    return tensor("F32", [rows, width], data);
  }
  throw new ClipDriftError(
    "bad-run",
    `Cannot join embeddings: found ${dtype} [${shape}], expected F32 [frames, ${
      wanted ?? "numbers"
    }]`,
  );
}

/**
 * Reads the embeddings of a run, ours or the original's, batch by batch, so that a run of weeks takes
 * no more memory than one of a minute.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or a batch lacks an array
 */
export async function* readRunEmbeddings(path: string): AsyncGenerator<RunEmbeddings, void, void> {
  await checkRun(path);
  const folder = join(path, "embeddings");
  let width: number | undefined;
  for (const name of await namesWithin(folder, BATCH)) {
    const file = join(folder, name);
    await checkFile(file, MAX_BATCH);
    const batch = await readNpz(file);
    const embeddings = embeddingsOf(batch, file, width);
    width = embeddings.shape[1];
    const timestamps = numbersOf(batch, "timestamps", file);
    yield { embeddings, timestamps, frameIndices: numbersOf(batch, "frame_indices", file) };
  }
}

/** Numbers that are put one behind the other into memory for all of them. */
class Joined<A extends Float32Array | Float64Array> {
  #data: A;
  #length = 0;

  /** Memory for about as many as are expected; it grows where they were more. */
  constructor(kind: new (length: number) => A, expected: number) {
    this.#data = new kind(expected);
  }

  add(part: A): void {
    const length = this.#length + part.length;
    if (length > this.#data.length) {
      const Kind = this.#data.constructor as new (length: number) => A;
      const larger = new Kind(Math.max(length, 2 * this.#data.length));
      larger.set(this.#data.subarray(0, this.#length));
      this.#data = larger;
    }
    this.#data.set(part, this.#length);
    this.#length = length;
  }

  get all(): A {
    return this.#data.subarray(0, this.#length) as A;
  }
}

/**
 * Reads the embeddings of a run, ours or the original's, joined over its batches: in little more
 * memory than it gives. {@linkcode readRunEmbeddings} reads it in pieces.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or a batch lacks an array
 */
export async function loadRunEmbeddings(path: string): Promise<RunEmbeddings> {
  const batches = (await namesWithin(join(path, "embeddings"), BATCH)).length;
  let width = 0;
  let rows: Joined<Float32Array> = new Joined(Float32Array, 0);
  let times: Joined<Float64Array> = new Joined(Float64Array, 0);
  let indices = times;
  for await (const { embeddings, timestamps, frameIndices } of readRunEmbeddings(path)) {
    if (width === 0) {
      // All batches but the last have as many frames as the first.
      rows = new Joined(Float32Array, embeddings.data.length * batches);
      [times, indices] = [timestamps, frameIndices].map(({ length }) =>
        new Joined(Float64Array, length * batches)
      ) as [typeof times, typeof indices];
    }
    width = embeddings.shape[1]!;
    rows.add(embeddings.data);
    times.add(timestamps);
    indices.add(frameIndices);
  }
  const shape = [width === 0 ? 0 : rows.all.length / width, width];
  return {
    embeddings: tensor("F32", shape, rows.all),
    timestamps: times.all,
    frameIndices: indices.all,
  };
}
