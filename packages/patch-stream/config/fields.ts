/**
 * The rules of configurations: one table with the default, the check and the meaning of each
 * field. The command's flags are made from it too.
 *
 * @module
 */
import type { BackendName, DecodeConfig, Normalization, PatchStreamConfig } from "../config.ts";
import { choice, type Field, finite, flag, share, whole, type Words } from "./field_kinds.ts";

/** A configuration with every field set that has a default. */
export type Resolved<Config> =
  & Readonly<Required<Omit<Config, OpenFields>>>
  & Readonly<Pick<Config, OpenFields & keyof Config>>;

/** Fields that may stay undefined. */
type OpenFields = "uniformAutoRatio" | "minPixels" | "maxPixels" | "signal" | "onProgress";

/** Fields that are no settings, and so not in the tables. */
const NO_SETTINGS = ["videoPath", "signal", "onProgress"] as const;

type Table<Config> = {
  readonly [K in keyof Omit<Config, typeof NO_SETTINGS[number]>]-?: Field<
    Exclude<Config[K], undefined>
  >;
};

const BACKENDS: Words<BackendName> = { auto: "auto", cpu: "cpu", gpu: "gpu" };
const most = Number.MAX_SAFE_INTEGER;

/** Fields of {@linkcode DecodeConfig}, apart from those that are no settings. */
export const DECODE_FIELDS: Table<DecodeConfig> = {
  sequenceLength: whole(16, 1, 100_000, "frames to sample"),
  decodeBackend: choice("auto", BACKENDS, "where to decode"),
  decodeDeviceId: whole(0, 0, 1023, "which GPU decodes"),
  uniformStrategy: choice(
    "auto",
    { auto: "auto", seek: "seek", stream: "stream" },
    "how to reach frames",
  ),
  nvdecSessionPoolSize: whole(2, 1, 64, "videos that a GPU decodes at once"),
  uniformAutoRatio: whole(undefined, 0, most, "frames per sample up to which auto streams"),
  decodeThreads: whole(0, 0, 1024, "decoder threads, 0 for one per core"),
  decodeThreadType: choice(
    "auto",
    { auto: "auto", frame: "frame", slice: "slice" },
    "what decoder threads share",
  ),
  readerCacheSize: whole(8, 0, 65536, "files whose index is remembered"),
  nvdecReuseOpenDecoder: flag(true, "keep a video open that comes again"),
  indexRule: choice("exact", { exact: "exact", reference: "reference" }, "how places become ids"),
  sampling: choice("index", { index: "index", time: "time" }, "uniform in frames or in time"),
  color: choice("tagged", { tagged: "tagged", reference: "reference" }, "colour conversion"),
  rotate: flag(true, "turn frames upright"),
  onError: choice(
    "throw",
    { throw: "throw", nearest: "nearest", skip: "skip" },
    "a frame that cannot be decoded",
  ),
  profile: flag(false, "measure each stage"),
};

/** Fields that {@linkcode PatchStreamConfig} has on top. */
export const PROCESS_FIELDS: Table<Omit<PatchStreamConfig, keyof DecodeConfig>> = {
  processBackend: choice("auto", BACKENDS, "where to process"),
  processDeviceId: whole(0, 0, 1023, "which GPU processes"),
  inputSize: whole(224, 1, 32768, "side of the square with as many pixels"),
  minPixels: whole(undefined, 1, most, "fewest pixels of a resized frame"),
  maxPixels: whole(undefined, 1, most, "most pixels of a resized frame"),
  patchSize: whole(14, 1, 4096, "side of a patch in pixels"),
  kKeep: whole(2048, 0, most, "patches to keep"),
  selectionUnit: choice(
    "patch",
    {
      patch: "patch",
      patches: "patch",
      block2x2: "block2x2",
      block_2x2: "block2x2",
      block: "block2x2",
    },
    "what is kept or dropped as one",
  ),
  staticFallback: flag(false, "keep whole frames of a still clip"),
  staticAbsThresh: finite(2, "change below which a clip is still"),
  staticRelThresh: finite(0.15, "relative spread of change that is still"),
  staticUniformFrames: whole(4, 0, most, "frames kept of a still clip"),
  energyPct: finite(95, "percentile that counts as full energy"),
  outputDtype: choice(
    "bfloat16",
    {
      bfloat16: "bfloat16",
      bf16: "bfloat16",
      float16: "float16",
      fp16: "float16",
      float32: "float32",
      fp32: "float32",
    },
    "element type of the patches",
  ),
  prefetchDepth: whole(3, 1, 1024, "decoded frames that may wait"),
  energy: choice(
    "blocksad",
    { blocksad: "blocksad", reference: "reference", codec: "codec" },
    "how energy is measured",
  ),
  keyFrames: share("all", ["all", "first", "score"], "what key frames may claim"),
  antialias: flag(false, "average what an output pixel covers"),
  normalize: normalization(),
  flatten: choice("none", { none: "none", chw: "chw", hwc: "hwc" }, "shape of a patch"),
  processThreads: whole(0, 0, 256, "threads that process, 0 for as many as pay"),
};

function normalization(): Field<Normalization> {
  const words = choice<"none" | "unit" | "clip">(
    "none",
    { none: "none", unit: "unit", clip: "clip" },
    "what patch values become",
  );
  return {
    ...words,
    fallback: "none",
    check(value, name) {
      if (typeof value !== "object" || value === null) return words.check(value, name);
      const { mean, std } = value as { mean?: unknown; std?: unknown };
      const triple = (numbers: unknown) =>
        Array.isArray(numbers) && numbers.length === 3 && numbers.every(Number.isFinite);
      if (triple(mean) && triple(std) && !(std as number[]).includes(0)) {
        return value as Normalization;
      }
      throw new RangeError(
        `Cannot use ${name}: mean and std must be three numbers each, no std 0, found ${
          JSON.stringify(value)
        }`,
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

function resolveFields<Config>(
  config: Config & object,
  tables: Readonly<Record<string, Field<unknown>>>,
): Record<string, unknown> {
  for (const name of Object.keys(config)) {
    if (NO_SETTINGS.some((known) => known === name) || Object.hasOwn(tables, name)) continue;
    const instead = REMOVED[name];
    throw new TypeError(
      instead
        ? `Cannot use ${name}: version 0.4 replaced it by ${instead}`
        : `Cannot use ${name}: there is no such field, see the README for those there are`,
    );
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
  return resolveFields(config, DECODE_FIELDS) as unknown as Resolved<DecodeConfig>;
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
  checkTogether(resolved);
  return resolved;
}

function checkVideo(source: unknown): void {
  if (source === "") throw new TypeError("Cannot open video: videoPath is empty");
  if (source === undefined || source === null) {
    throw new TypeError("Cannot open video: videoPath is missing");
  }
}

/** Rules between fields. */
function checkTogether(config: Resolved<PatchStreamConfig>): void {
  const { minPixels, maxPixels, patchSize, inputSize, kKeep } = config;
  if (minPixels !== undefined && maxPixels !== undefined && minPixels > maxPixels) {
    throw new RangeError(
      `Cannot resize: minPixels is ${minPixels}, it must not pass maxPixels, ${maxPixels}`,
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
