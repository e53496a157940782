/**
 * Finds the frames of kept runs that are most like an embedding: every kept embedding is compared.
 *
 * @module
 */
import { join } from "node:path";
import { CodedError } from "@vcs/transport/errors";
import { cosine } from "../drift.ts";
import type { EncoderInfo } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";
import { runDetails } from "./details.ts";
import { listRuns, readFixed, readRunEmbeddings, type RunEmbeddings } from "./reader.ts";

/** A frame that was found. */
export interface SearchHit {
  /** Path of the run's folder. */
  readonly run: string;
  /** When the frame came, as ISO 8601 in UTC. */
  readonly time: string;
  /** Number of the frame. */
  readonly frame: number;
  /** Cosine with what was searched for. */
  readonly score: number;
  /** Path of the snapshot that is the fewest frames away; null if the run has none. */
  readonly snapshot: string | null;
}

/** How to search. */
export interface SearchOptions {
  /** Most frames to find. */
  readonly count: number;
  /** Called with a line for people about each run that is left out, or read in part only. */
  readonly onLine?: (line: string) => void;
  /** Ends the search. */
  readonly signal?: AbortSignal;
}

/** What made the embeddings of a run; undefined where `config.json` does not say. */
interface RunModel {
  readonly model: unknown;
  readonly pretrained: unknown;
  readonly activation: unknown;
  readonly checksum: unknown;
}

const fieldsOf = (value: unknown) => Object(value) as Readonly<Record<string, unknown>>;

function modelOf(config: unknown): RunModel {
  const { settings, activation, weights_sha256: checksum } = fieldsOf(config);
  const { model, pretrained } = fieldsOf(settings);
  return { model, pretrained, activation, checksum };
}

/** Whether embeddings can be compared; the original's runs say neither checksum nor activation. */
function isSame(a: RunModel, b: RunModel): boolean {
  const differ = (x: unknown, y: unknown) => x !== undefined && y !== undefined && x !== y;
  const isNamed = a.checksum !== undefined && b.checksum !== undefined;
  return a.model === b.model && (isNamed || a.pretrained === b.pretrained) &&
    !differ(a.checksum, b.checksum) && !differ(a.activation, b.activation);
}

/** A model in a few words. */
function describe({ model, pretrained, activation, checksum }: RunModel): string {
  if (typeof model !== "string") return "an unknown model";
  const weights = pretrained === "none" ? undefined : pretrained;
  const short = typeof checksum === "string" ? `SHA-256 ${checksum.slice(0, 12)}…` : undefined;
  const known = [weights, activation, short].filter((part) => part !== undefined);
  return known.length === 0 ? model : `${model} (${known.join(", ")})`;
}

/** Seconds since 1970 as ISO 8601; undefined beyond the years that it has. */
function isoTime(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** One frame of a run with its embedding. */
export interface EmbeddedFrame {
  /** Number of the frame. */
  readonly frame: number;
  /** When it came, in seconds since 1970. */
  readonly timestamp: number;
  /** The same as ISO 8601 in UTC. */
  readonly time: string;
  /** Its embedding: a view of the batch. */
  readonly embedding: Float32Array;
}

function* framesOf(run: string, batch: RunEmbeddings): Generator<EmbeddedFrame> {
  const { embeddings: { data, shape: [rows = 0, width = 0] }, timestamps, frameIndices } = batch;
  for (let i = 0; i < rows; i++) {
    const [timestamp = NaN, frame = NaN] = [timestamps[i], frameIndices[i]];
    const time = isoTime(timestamp);
    if (time === undefined || !Number.isSafeInteger(frame)) {
      const found = `frame ${frame} at ${timestamp}`;
      throw new ClipDriftError(
        "bad-run",
        `Cannot read embeddings of ${run}: found ${found}, expected a number and a time for each`,
      );
    }
    yield { frame, timestamp, time, embedding: data.subarray(i * width, (i + 1) * width) };
  }
}

/**
 * Reads the frames of a run whose embeddings were kept, one batch in memory at a time.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or a batch is not as it must be
 */
export async function* embeddedFrames(run: string): AsyncGenerator<EmbeddedFrame, void, void> {
  for await (const batch of readRunEmbeddings(run)) yield* framesOf(run, batch);
}

type Found = Omit<SearchHit, "snapshot"> & { readonly snapshots: readonly string[] };

/** The best of what was found, in memory for twice as many. */
class Best {
  readonly #count: number;
  #found: Found[] = [];
  #least = -Infinity;

  constructor(count: number) {
    this.#count = count;
  }

  /** Whether a frame of this score could be among the best. */
  takes(score: number): boolean {
    return score > this.#least;
  }

  add(found: Found): void {
    this.#found.push(found);
    if (this.#found.length < 2 * this.#count) return;
    this.#found = this.all;
    this.#least = this.#found.at(-1)!.score;
  }

  /** The best first; of equals the one that was found first. */
  get all(): Found[] {
    return this.#found.toSorted((a, b) => b.score - a.score).slice(0, this.#count);
  }
}

/** The snapshot that is the fewest frames away. */
function nearest(snapshots: readonly string[], frame: number): string | undefined {
  const distance = (name: string) => Math.abs(Number(/\d+/.exec(name)?.[0]) - frame);
  let best: string | undefined;
  for (const name of snapshots) {
    if (best === undefined || distance(name) < distance(best)) best = name;
  }
  return best;
}

function withSnapshot({ snapshots, ...found }: Found): SearchHit {
  const name = nearest(snapshots, found.frame);
  return { ...found, snapshot: name === undefined ? null : join(found.run, "snapshots", name) };
}

async function searchRun(
  run: string,
  query: Float32Array,
  best: Best,
  snapshots: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { frame, time, embedding } of embeddedFrames(run)) {
    signal?.throwIfAborted();
    if (embedding.length !== query.length) {
      const found = `embeddings of ${embedding.length} numbers`;
      throw new ClipDriftError(
        "bad-run",
        `Cannot search ${run}: found ${found}, expected ${query.length}`,
      );
    }
    const score = cosine(query, embedding);
    if (best.takes(score)) best.add({ run, time, frame, score, snapshots });
  }
}

/** What a run of somebody else, or one that is removed meanwhile, may fail with. */
function isOfRun(error: unknown): error is Error {
  return error instanceof CodedError || error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.PermissionDenied;
}

/**
 * Searches the runs of a folder, the latest first, in memory for one batch of embeddings. Runs of
 * another model are left out; what can be read of a damaged run is searched.
 *
 * @param root folder of the runs
 * @param query the embedding that is searched for
 * @param info the encoder that made it
 * @returns the best frames, the best first
 * @throws {ClipDriftError} `bad-run` if no run of the folder was made by that encoder
 */
export async function searchRuns(
  root: string,
  query: Float32Array,
  info: EncoderInfo,
  { count, onLine = () => {}, signal }: SearchOptions,
): Promise<SearchHit[]> {
  const ours = modelOf({ settings: info, ...await runDetails(info) });
  const best = new Best(count);
  let searched = 0;
  for (const name of await listRuns(root)) {
    const run = join(root, name);
    try {
      const { config, snapshots } = await readFixed(run);
      const model = modelOf(config);
      if (!isSame(ours, model)) {
        onLine(`Left out ${run}: found ${describe(model)}, expected ${describe(ours)}`);
        continue;
      }
      searched++;
      await searchRun(run, query, best, snapshots, signal);
    } catch (error) {
      if (!isOfRun(error)) throw error;
      onLine(`Left out ${run}, or the rest of it: ${error.message}`);
    }
  }
  if (searched > 0) return best.all.map(withSnapshot);
  const message = `Cannot search ${root}: found no run, expected one of ${describe(ours)}`;
  throw new ClipDriftError("bad-run", message);
}
