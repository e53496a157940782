/**
 * The rules of configurations: one table with the default, the check and the meaning of each
 * field. The command's options are these fields, too.
 *
 * @module
 */
import type { BackendName, DecodeConfig, Normalization, PatchStreamConfig } from "../config.ts";
import type { FramesConfig } from "../frames.ts";
import {
  choice,
  type Field,
  finite,
  flag,
  fraction,
  seconds,
  share,
  whole,
  type Words,
} from "./field_kinds.ts";

/** A configuration with every field set that has a default. */
export type Resolved<Config> =
  & Readonly<Required<Omit<Config, OpenFields>>>
  & Readonly<Pick<Config, OpenFields & keyof Config>>;

/** The settings of all that comes after decoding. */
export type ProcessSettings = Resolved<
  Omit<PatchStreamConfig, Exclude<keyof DecodeConfig, "onProgress">>
>;

/** Fields that may stay undefined. */
type OpenFields =
  | "uniformAutoRatio"
  | "streamIndex"
  | "from"
  | "to"
  | "maxPerFrame"
  | "keepEnergy"
  | "minPixels"
  | "maxPixels"
  | "signal"
  | "onProgress";

/** Fields that are not settings, and so not in the tables. */
const NOT_SETTINGS = ["videoPath", "signal", "onProgress"] as const;

type Table<Config> = {
  readonly [K in keyof Omit<Config, typeof NOT_SETTINGS[number]>]-?: Field<
    Exclude<Config[K], undefined>
  >;
};

/** Words that have no other spellings. */
function words<const T extends string>(...names: T[]): Words<T> {
  return Object.fromEntries(names.map((name) => [name, name])) as Words<T>;
}

const BACKENDS: Words<BackendName> = words("auto", "cpu", "gpu");

/** Fields of {@linkcode DecodeConfig}, apart from those that are not settings. */
export const DECODE_FIELDS: Table<DecodeConfig> = {
  sequenceLength: whole(
    16,
    { min: 1, max: 100_000 },
    "frames to sample; frames of shorter videos repeat",
  ),
  streamIndex: whole(undefined, { min: 0, max: 65535 }, "which stream of the container"),
  sampling: choice("index", words("index", "time"), "uniform in frame numbers or in time"),
  indexRule: choice(
    "exact",
    words("exact", "reference"),
    "how samples become frame numbers: exact always ends at the last frame, reference is " +
      "codec-patch-stream's",
  ),
  from: seconds("sample no frame before this time in seconds"),
  to: seconds("sample no frame from this time in seconds on"),
  decodeBackend: choice(
    "auto",
    BACKENDS,
    "where to decode: auto is the GPU where CUDA works, else the CPU",
  ),
  decodeDeviceId: whole(0, { min: 0, max: 1023 }, "which GPU decodes"),
  uniformStrategy: choice(
    "auto",
    words("auto", "seek", "stream"),
    "seek to each frame, stream from the start, or whichever decodes fewer frames",
  ),
  uniformAutoRatio: whole(
    undefined,
    { min: 0 },
    "what auto does: stream up to so many frames per sample, else seek; without it the index decides",
  ),
  decodeThreads: whole(0, { min: 0, max: 1024 }, "decoder threads; 0 is one per core"),
  decodeThreadType: choice(
    "auto",
    words("auto", "frame", "slice"),
    "what decoder threads share: frames, slices, or both",
  ),
  readerCacheSize: whole(
    8,
    { min: 0, max: 65536 },
    "files whose index is cached, by path, size and time of change",
  ),
  nvdecSessionPoolSize: whole(2, { min: 1, max: 64 }, "videos that a GPU decodes at once"),
  nvdecReuseOpenDecoder: flag(true, "open a video anew each time that it comes"),
  color: choice(
    "tagged",
    words("tagged", "reference"),
    "colours by the stream's tags, or BT.601 always",
  ),
  hdr: choice(
    "keep",
    words("keep", "sdr"),
    "HDR (PQ, HLG) as it is stored, or mapped to ordinary colours",
  ),
  rotate: flag(true, "leave frames as they lie in the file, not turned upright"),
  onError: choice(
    "throw",
    words("throw", "nearest", "skip"),
    "a frame that cannot be decoded: an error, its nearest neighbour in its place, or skipped",
  ),
  profile: flag(false, "measure each stage"),
};

/** Fields that {@linkcode PatchStreamConfig} has on top. */
export const PROCESS_FIELDS: Table<Omit<PatchStreamConfig, keyof DecodeConfig>> = {
  kKeep: whole(2048, { min: 0 }, "patches to keep, all if there are fewer"),
  keepEnergy: fraction("keep patches until they have this share of the clip's energy, 0 to 1"),
  minScore: finite(0, "keep only patches of this score, 0 to the pixels of a patch"),
  minPerFrame: whole(0, { min: 0 }, "patches kept of each frame at least, whatever their score"),
  maxPerFrame: whole(undefined, { min: 0 }, "patches kept of each frame at most"),
  patchSize: whole(
    14,
    { min: 1, max: 4096 },
    "side of a patch in pixels; the grid is a whole, even number of patches",
  ),
  inputSize: whole(
    224,
    { min: 1, max: 32768 },
    "frames are resized to about this squared, whatever their shape",
  ),
  minPixels: whole(
    undefined,
    { min: 1 },
    "fewest pixels of a resized frame, in place of the input size",
  ),
  maxPixels: whole(
    undefined,
    { min: 1 },
    "most pixels of a resized frame, in place of the input size",
  ),
  antialias: flag(false, "average all pixels that an output pixel covers"),
  selectionUnit: choice(
    "patch",
    {
      ...words("patch", "block2x2"),
      patches: "patch",
      block_2x2: "block2x2",
      block: "block2x2",
    },
    "what is kept or dropped as one; in blocks the number kept is a multiple of 4",
  ),
  keyFrames: share(
    "all",
    words("all", "first", "score"),
    "key frames' patches come first: of all, of the first, by score like others, or up to a " +
      "fraction of what is kept",
  ),
  energy: choice(
    "blocksad",
    words("blocksad", "reference", "codec"),
    "how energy is measured",
  ),
  compensate: flag(
    true,
    "compare frames as they are: camera, light and empty patches count (energy blocksad)",
  ),
  energyPct: finite(95, "percentile that counts as full energy in reference mode, 1 to 100"),
  staticFallback: flag(false, "a still clip keeps whole frames in place of noise"),
  staticAbsThresh: finite(2, "change below which a clip is still; above 1 on a scale of 255"),
  staticRelThresh: finite(0.15, "relative spread of change that is still"),
  staticUniformFrames: whole(4, { min: 0 }, "frames kept of a still clip"),
  outputDtype: choice(
    "bfloat16",
    {
      ...words("bfloat16", "float16", "float32"),
      bf16: "bfloat16",
      fp16: "float16",
      fp32: "float32",
    },
    "element type of the patches; bf16, fp16 and fp32 for short",
  ),
  normalize: normalization(),
  flatten: choice(
    "none",
    words("none", "chw", "hwc"),
    "a patch as one row: chw in a convolution's order, hwc with the channels of a pixel together",
  ),
  processBackend: choice(
    "auto",
    BACKENDS,
    "where to process: auto is where frames are decoded, gpu CUDA, else WebGPU",
  ),
  processDeviceId: whole(0, { min: 0, max: 1023 }, "which GPU processes"),
  processThreads: whole(
    0,
    { min: 0, max: 256 },
    "threads that process; 1 is the calling thread, 0 as many as pay, up to one per core",
  ),
  prefetchDepth: whole(
    3,
    { min: 1, max: 1024 },
    "decoded frames that may wait for the process stage",
  ),
};

function normalization(): Field<Normalization> {
  const word = choice(
    "none",
    words("none", "unit", "clip"),
    "patch values: 0 to 255, unit 0 to 1, clip by CLIP's mean and deviation",
  );
  return {
    ...word,
    check(value, name) {
      if (typeof value !== "object" || value === null) return word.check(value, name);
      const { mean, std } = value as { mean?: unknown; std?: unknown };
      const triple = (numbers: unknown) =>
        Array.isArray(numbers) && numbers.length === 3 && numbers.every(Number.isFinite);
      if (triple(mean) && triple(std) && !(std as number[]).includes(0)) {
        return value as Normalization;
      }
      throw new RangeError(
        `Cannot use ${name}: found ${
          JSON.stringify(value)
        }, expected a mean and an std of three numbers each, no std 0`,
      );
    },
  };
}

/** Names of version 0.3, and what took their place. */
const REMOVED: Readonly<Record<string, string>> = {
  backend: "decodeBackend and processBackend",
  deviceId: "decodeDeviceId and processDeviceId",
  decodeMode: "nothing: decoding is always tuned for throughput",
};

/** Names in codec-patch-stream's scripts, and the fields that they are here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  frames: "sequenceLength",
  numFrames: "sequenceLength",
  topk: "kKeep",
  patch: "patchSize",
  dtype: "outputDtype",
};

/** What to write in place of a name that is no field. */
function hint(name: string, tables: Readonly<Record<string, unknown>>): string {
  const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  if (REMOVED[camel]) return `version 0.4 replaced it by ${REMOVED[camel]}`;
  const meant = OTHER_NAMES[camel] ?? camel;
  return meant !== name && (Object.hasOwn(tables, meant) || NOT_SETTINGS.some((k) => k === meant))
    ? `found no such field, it is ${meant} here`
    : "found no such field, the README has a table of them";
}

function resolveFields<Config>(
  config: Config & object,
  tables: Readonly<Record<string, Field<unknown>>>,
): Record<string, unknown> {
  for (const name of Object.keys(config)) {
    if (NOT_SETTINGS.some((known) => known === name) || Object.hasOwn(tables, name)) continue;
    throw new TypeError(`Cannot use ${name}: ${hint(name, tables)}`);
  }
  const given = config as Readonly<Record<string, unknown>>;
  const resolved: Record<string, unknown> = { ...given };
  for (const [name, field] of Object.entries(tables)) {
    resolved[name] = given[name] === undefined ? field.fallback : field.check(given[name], name);
  }
  return resolved;
}

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws {RangeError} for a number out of range
 * @throws {TypeError} for an unknown word or field, or no video
 */
export function resolveDecodeConfig(config: DecodeConfig): Resolved<DecodeConfig> {
  checkVideo(config.videoPath);
  const resolved = resolveFields(config, DECODE_FIELDS) as unknown as Resolved<DecodeConfig>;
  checkTimes(resolved);
  return resolved;
}

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws {RangeError} for a number out of range, or numbers that contradict each other
 * @throws {TypeError} for an unknown word or field, or no video
 */
export function resolvePatchConfig(config: PatchStreamConfig): Resolved<PatchStreamConfig> {
  checkVideo(config.videoPath);
  const resolved = resolveFields(
    config,
    { ...DECODE_FIELDS, ...PROCESS_FIELDS },
  ) as unknown as Resolved<PatchStreamConfig>;
  checkTimes(resolved);
  checkTogether(resolved);
  return withoutNumber(resolved, config);
}

function checkTimes({ from = 0, to = Infinity }: Resolved<DecodeConfig>): void {
  if (from < to) return;
  throw new RangeError(`Cannot sample frames: from is ${from}, expected less than to, ${to}`);
}

/** An energy to keep takes the place of a number, unless both are given. */
function withoutNumber<S extends ProcessSettings>(resolved: S, given: { kKeep?: number }): S {
  if (resolved.keepEnergy === undefined || given.kKeep !== undefined) return resolved;
  return { ...resolved, kKeep: Number.MAX_SAFE_INTEGER };
}

/**
 * Checks the configuration of frames that are decoded already and fills in the defaults.
 *
 * @throws {RangeError} for a number out of range, or numbers that contradict each other
 * @throws {TypeError} for an unknown word or field
 */
export function resolveFramesConfig(config: FramesConfig): ProcessSettings {
  const resolved = resolveFields(config, PROCESS_FIELDS) as unknown as ProcessSettings;
  if (resolved.energy === "codec") {
    throw new TypeError(
      "Cannot use energy: found codec, which needs a decoder's motion, expected blocksad or reference",
    );
  }
  checkTogether(resolved);
  return withoutNumber(resolved, config);
}

function checkVideo(source: unknown): void {
  if (source === "") throw new TypeError("Cannot open video: videoPath is empty");
  if (source === undefined || source === null) {
    throw new TypeError("Cannot open video: videoPath is missing");
  }
}

/** Rules between fields. */
function checkTogether(config: ProcessSettings): void {
  const { minPixels, maxPixels, patchSize, inputSize, kKeep } = config;
  const { minPerFrame, maxPerFrame } = config;
  if (maxPerFrame !== undefined && minPerFrame > maxPerFrame) {
    throw new RangeError(
      `Cannot keep patches: minPerFrame is ${minPerFrame}, expected at most maxPerFrame, ${maxPerFrame}`,
    );
  }
  if (minPixels !== undefined && maxPixels !== undefined && minPixels > maxPixels) {
    throw new RangeError(
      `Cannot resize: minPixels is ${minPixels}, expected at most maxPixels, ${maxPixels}`,
    );
  }
  const pixels = maxPixels ?? Math.max(inputSize ** 2, minPixels ?? 0);
  if (patchSize ** 2 > pixels) {
    throw new RangeError(
      `Cannot cut patches: a patch of ${patchSize} by ${patchSize} is larger than a frame of ${pixels} pixels`,
    );
  }
  if (config.selectionUnit === "block2x2" && kKeep % 4 !== 0) {
    const below = kKeep - kKeep % 4;
    throw new RangeError(
      `Cannot keep ${kKeep} patches in blocks of 4: kKeep must be a multiple of 4, as ${below} or ${
        below + 4
      }`,
    );
  }
}
