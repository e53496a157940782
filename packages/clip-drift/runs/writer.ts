/**
 * Writes a run as it goes on: `config.json`, `drift.csv`, `summary.json`, `embeddings/batch_0000.npz`
 * and `snapshots/frame_000000.jpg` as Seymour-pi's encoders write them, and beside them
 * `metrics.csv`, `events.jsonl` and the summaries `peaks_16.csv` … with what they do not have.
 *
 * A process that is killed loses the embeddings of the open batch and nothing else. A full disk
 * is reported once, and the watch goes on.
 *
 * @module
 */
import { join } from "node:path";
import { encodeNpz } from "@vcs/transport/npz";
import { tensor } from "@vcs/transport/tensor";
import { defined, writeWhole } from "@vcs/transport/internal";
import { AppendFile } from "./append_file.ts";
import { RunLevels } from "./levels.ts";
import { type DriftRow, type FrameRow, METRICS, type SimilarityStats } from "../drift.ts";

/** Settings that `config.json` holds. */
export interface RunConfig {
  /** The stream's URL, without credentials. */
  readonly streamUrl: string;
  /** Name of the camera. Default: none. */
  readonly camera?: string;
  /** Device that the model ran on. */
  readonly device: string;
  /** Name of the model. */
  readonly model: string;
  /** Name or path of the weights. */
  readonly pretrained: string;
  /** Seconds between snapshots. */
  readonly snapshotInterval: number;
  /** Frames in a batch of embeddings. */
  readonly embeddingInterval: number;
  /** Similarities that the statistics cover. */
  readonly rollingWindow: number;
  /** Of this many frames one embedding is kept; 0 for none. Default: 1, of each. */
  readonly embeddingEvery?: number;
  /** More fields, as the weights' SHA-256 and the activation. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One frame as a run keeps it. */
export interface RunFrame {
  /** Index of the frame. */
  readonly index: number;
  /** When it arrived, in seconds since 1970. */
  readonly timestamp: number;
  /** Its measures. */
  readonly row: DriftRow & Partial<FrameRow>;
  /** Its embedding, of unit length. */
  readonly embedding: Float32Array;
  /** Its JPEG, for a snapshot. */
  readonly jpeg: () => Uint8Array | Promise<Uint8Array>;
  /** The label that fits best, and how well. */
  readonly label?: { readonly text: string; readonly score: number };
}

/** Totals of a run. */
export interface RunTotals {
  /** Frames processed. */
  readonly frames: number;
  /** Seconds from start to end. */
  readonly seconds: number;
  /** Similarities of all frames. */
  readonly similarity: SimilarityStats;
  /** Other counters by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Where to write, and where to report failures. */
export interface RunFolderOptions {
  /** Folder of all runs. Default: `runs`. */
  readonly root?: string;
  /** Called with a line for people if something cannot be written. */
  readonly onFailure?: (message: string) => void;
}

/** The first line of `drift.csv`. */
export const DRIFT_HEAD = "timestamp,frame_idx,similarity,drift\r\n";
const METRICS_HEAD = `timestamp,frame_idx,${METRICS.slice(1).join(",")},label,label_score\r\n`;

const two = (n: number, digits = 2) => String(n).padStart(digits, "0");

/** A local time as `20260107_143022`. */
function runName(date: Date): string {
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** A local time as Python's `isoformat()` writes it. */
function localIso(date: Date): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day}T${time}.${two(date.getMilliseconds(), 3)}000`;
}

/** Makes a folder with a name that is not taken. */
async function makeFolder(root: string, date: Date): Promise<string> {
  await Deno.mkdir(root, { recursive: true });
  for (let n = 1;; n++) {
    const name = n === 1 ? runName(date) : `${runName(date)}_${n}`;
    try {
      await Deno.mkdir(join(root, name));
      return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** A text as a field of CSV, quoted if need be. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function metricsLine({ timestamp, index, row, label }: RunFrame): string {
  const values = METRICS.slice(1).map((name) => row[name]?.toFixed(6) ?? "");
  const labels = [label?.text ?? "", label?.score.toFixed(4) ?? ""].map(csvField);
  return `${[timestamp.toFixed(6), index, ...values, ...labels].join(",")}\r\n`;
}

/** The embeddings that wait for their batch to be full. */
class Batch {
  readonly embeddings: Float32Array[] = [];
  readonly timestamps: number[] = [];
  readonly indices: bigint[] = [];

  add({ embedding, timestamp, index }: RunFrame): void {
    this.embeddings.push(embedding);
    this.timestamps.push(timestamp);
    this.indices.push(BigInt(index));
  }

  /** The batch as an npz file, and empty afterwards. */
  take(): Promise<Uint8Array> {
    const rows = this.embeddings.splice(0);
    const width = rows[0]!.length;
    const data = new Float32Array(rows.length * width);
    rows.forEach((row, i) => data.set(row, i * width));
    const file = {
      embeddings: tensor("F32", [rows.length, width], data),
      timestamps: tensor("F64", [rows.length], Float64Array.from(this.timestamps.splice(0))),
      frame_indices: tensor("I64", [rows.length], BigInt64Array.from(this.indices.splice(0))),
    };
    return encodeNpz(file, { compress: true });
  }
}

/** Files that grow with every frame or event. */
interface Growing {
  readonly drift: AppendFile;
  readonly metrics: AppendFile;
  readonly events: AppendFile;
  readonly levels: RunLevels;
}

/** A run that is being written. */
export class RunFolder implements AsyncDisposable {
  /** Path of the folder. */
  readonly path: string;
  /** Name of the run. */
  readonly name: string;
  readonly #config: RunConfig;
  readonly #onFailure: (message: string) => void;
  readonly #files: Growing;
  readonly #batch = new Batch();
  readonly #failing = new Set<string>();
  #batches = 0;
  #snapshots = 0;
  #snapshotAt = -Infinity;
  #lastSnapshot = "";

  private constructor(
    path: string,
    name: string,
    config: RunConfig,
    onFailure: (message: string) => void,
    files: Growing,
  ) {
    this.path = path;
    this.name = name;
    this.#config = config;
    this.#onFailure = onFailure;
    this.#files = files;
  }

  /**
   * Makes the folder, named after the local time, and writes its `config.json`.
   *
   * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied} and the like, if the folder cannot be made
   */
  static async create(config: RunConfig, options: RunFolderOptions = {}): Promise<RunFolder> {
    const { root = "runs", onFailure = () => {} } = options;
    const date = new Date();
    const name = await makeFolder(root, date);
    const path = join(root, name);
    await Deno.mkdir(join(path, "embeddings"));
    await Deno.mkdir(join(path, "snapshots"));
    const described = describeConfig(config, name, date);
    await writeWhole(join(path, "config.json"), `${JSON.stringify(described, null, 2)}\n`);
    const files = {
      drift: await AppendFile.create(join(path, "drift.csv"), DRIFT_HEAD),
      metrics: await AppendFile.create(join(path, "metrics.csv"), METRICS_HEAD),
      events: await AppendFile.create(join(path, "events.jsonl")),
      levels: await RunLevels.create(path),
    };
    return new RunFolder(path, name, config, onFailure, files);
  }

  /** Does something, and reports the first of its failures in a row. */
  async #try(what: string, action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      this.#failing.delete(what);
      return true;
    } catch (error) {
      if (!this.#failing.has(what)) {
        this.#failing.add(what);
        const reason = error instanceof Error ? error.message : String(error);
        const hint = /space|ENOSPC/i.test(reason) ? "; make room, the watch goes on" : "";
        this.#onFailure(`Cannot write ${what} of ${this.path}: ${reason}${hint}`);
      }
      return false;
    }
  }

  /**
   * Writes a frame.
   *
   * @returns the name of its snapshot, if one was due and written
   */
  async write(frame: RunFrame): Promise<string | undefined> {
    const { timestamp, index, row } = frame;
    const line = [timestamp.toFixed(6), index, row.similarity.toFixed(6), row.drift.toFixed(6)];
    await this.#try("drift.csv", () => this.#files.drift.append(`${line.join(",")}\r\n`));
    await this.#try("metrics.csv", () => this.#files.metrics.append(metricsLine(frame)));
    await this.#try("summaries", () => this.#files.levels.add(frame));
    const { embeddingEvery: every = 1 } = this.#config;
    if (every > 0 && index % every === 0) this.#batch.add(frame);
    if (this.#batch.embeddings.length >= this.#config.embeddingInterval) await this.#writeBatch();
    // A clock that was set back would put the next one off until it is where it was.
    const isDue = timestamp < this.#snapshotAt ||
      timestamp - this.#snapshotAt >= this.#config.snapshotInterval;
    return isDue ? await this.snapshot(frame) : undefined;
  }

  /**
   * Writes a snapshot of a frame, as at the moment of an alert.
   *
   * @returns the name of the file, if it was written
   */
  async snapshot({ index, timestamp, jpeg }: RunFrame): Promise<string | undefined> {
    this.#snapshotAt = timestamp;
    const name = `frame_${two(index, 6)}.jpg`;
    if (name === this.#lastSnapshot) return name;
    const path = join(this.path, "snapshots", name);
    const done = await this.#try("snapshots", async () => writeWhole(path, await jpeg()));
    if (!done) return undefined;
    this.#snapshots++;
    this.#lastSnapshot = name;
    return name;
  }

  /** Writes an event: an alert, a connection lost or made. */
  async event(event: object): Promise<void> {
    const line = `${JSON.stringify(event)}\n`;
    await this.#try("events.jsonl", () => this.#files.events.append(line));
  }

  async #writeBatch(): Promise<void> {
    const bytes = await this.#batch.take();
    const path = join(this.path, "embeddings", `batch_${two(this.#batches, 4)}.npz`);
    if (await this.#try("embeddings", () => writeWhole(path, bytes))) this.#batches++;
  }

  /** Writes the open batch and `summary.json`. */
  async finish({ frames, seconds, similarity, counters }: RunTotals): Promise<void> {
    if (this.#batch.embeddings.length > 0) await this.#writeBatch();
    await this.#try("summaries", () => this.#files.levels.finish());
    const { mean, std, min, max } = similarity;
    const summary = {
      run_name: this.name,
      end_time: localIso(new Date()),
      embedding_batches: this.#batches,
      snapshots: this.#snapshots,
      total_frames: frames,
      duration_s: seconds,
      fps: seconds > 0 ? frames / seconds : 0,
      similarity: { mean, std, min, max },
      ...counters,
    };
    const text = `${JSON.stringify(summary, null, 2)}\n`;
    await this.#try("summary.json", () => writeWhole(join(this.path, "summary.json"), text));
  }

  /** Closes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of Object.values(this.#files)) await file[Symbol.asyncDispose]();
  }
}

function describeConfig(config: RunConfig, name: string, date: Date): object {
  return {
    stream_url: config.streamUrl,
    ...defined({ camera: config.camera }),
    run_name: name,
    start_time: localIso(date),
    settings: {
      device: config.device,
      model: config.model,
      pretrained: config.pretrained,
      snapshot_interval: config.snapshotInterval,
      embedding_save_interval: config.embeddingInterval,
      rolling_window: config.rollingWindow,
      ...(config.embeddingEvery !== undefined && { embedding_every: config.embeddingEvery }),
    },
    ...config.details,
  };
}
