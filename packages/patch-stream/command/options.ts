/**
 * The options of the command: its own, and every field of a configuration as one.
 *
 * @module
 */
import {
  type AnyOption,
  choice,
  file,
  fileOrUrl,
  flag,
  folder,
  group,
  operand,
  operands,
  option,
  type OptionValues,
  type ValueKind,
  whole,
  withPassword,
} from "@vcs/transport/internal";
import { shownSource } from "@vcs/media/internal";
import { PYTHON_DECODERS } from "./bench_python.ts";
import { BOTH_STAGES } from "./old_lines.ts";
import { DECODE_FIELDS, PROCESS_FIELDS } from "../config/fields.ts";

/** Names that fields have on the command lines of codec-patch-stream's scripts. */
const FORMERLY: Readonly<Record<string, readonly string[]>> = {
  sequenceLength: ["frames", "num-frames"],
  kKeep: ["topk"],
  patchSize: ["patch"],
  outputDtype: ["dtype"],
};

/** The options that the fields of a table are. */
function optionsOf<T extends Readonly<Record<keyof T, { readonly option: AnyOption }>>>(
  fields: T,
): { readonly [K in keyof T]: T[K]["option"] } {
  const entries = Object.entries<{ readonly option: AnyOption }>(fields);
  const named = ([name, { option }]: typeof entries[number]) =>
    [name, { ...option, formerly: FORMERLY[name] ?? [] }] as const;
  return Object.fromEntries(entries.map(named)) as unknown as {
    [K in keyof T]: T[K]["option"];
  };
}

/** Every field as an option. */
export const FIELDS = {
  ...group("Sampling and decoding", optionsOf(DECODE_FIELDS)),
  ...group("Patches", optionsOf(PROCESS_FIELDS)),
};

/** Options that say what comes of a video. */
export const KEEP = {
  ...FIELDS,
  ...BOTH_STAGES,
  // A flag is never absent, and --rotate must win over --reference: each way is a flag of its own.
  ...group("Sampling and decoding", {
    rotate: flag({ help: "turn frames upright also with --reference" }),
    noRotate: flag({ help: FIELDS.rotate.help }),
  }),
  reference: flag({ help: "the numbers of codec-patch-stream, patch for patch" }),
};

/** Options of `patch-stream`. */
export const STREAM = {
  ...KEEP,
  outDir: option(folder(), {
    help: "where files go",
    short: "o",
    default: ".",
    defaultText: "the working folder",
  }),
  format: option(choice(["safetensors", "npz", "none"]), {
    help: "what is written",
    default: "safetensors",
  }),
  view: flag({ help: "write a page for each video: kept patches, energy" }),
  viewPng: flag({ help: "write a picture of each frame: kept patches, the rest dimmed" }),
  viewWebp: flag({ help: "write an animation: each frame, and beside it what was kept" }),
  json: flag({ help: "one line of JSON for each video on stdout, failures too" }),
  concurrency: option(whole({ min: 1 }), { help: "videos at once", default: 1 }),
  windows: option(whole({ min: 1 }), {
    help: "windows of a live source, each of as many frames as the sequence",
    defaultText: "until Ctrl-C",
  }),
};

/** Those of some values that are fields of a table. */
export function fieldsAmong<V extends object, K extends string>(
  values: V,
  table: Readonly<Record<K, unknown>>,
): Pick<V, K & keyof V> {
  const fields = Object.entries(values).filter(([name]) => Object.hasOwn(table, name));
  return Object.fromEntries(fields) as Pick<V, K & keyof V>;
}

/** A video; unknown schemes and typos are refused before anything is opened. */
const VIDEO: ValueKind<string> = {
  ...file("VIDEO"),
  parse(text) {
    const source = withPassword(text);
    if (source !== "-" && source !== "") shownSource(source);
    return source || undefined;
  },
};

/** Operands of `patch-stream`. */
export const VIDEOS = {
  videos: operands(VIDEO, "paths or URLs of videos, - for stdin, or one camera's URL", 1),
};

/** Several of some words, with commas between them. */
function words<const W extends string>(names: readonly W[]): ValueKind<readonly W[]> {
  const word = choice(names);
  return {
    placeholder: names.join(","),
    allowed: `${word.allowed}, with commas between them`,
    completion: names,
    parse(text) {
      const found = text.split(",").map((name) => word.parse(name.trim()));
      return found.every((name) => name !== undefined) ? found : undefined;
    },
  };
}

const BACKENDS = ["cpu", "gpu"] as const;
const APIS = ["decode_only", "patch_stream", ...PYTHON_DECODERS] as const;

/** Options of `bench` that take several words, and those words. */
export const LISTS: Readonly<Record<string, readonly string[]>> = {
  "--apis": APIS,
  "--decode-backends": BACKENDS,
  "--process-backends": BACKENDS,
};

const { decodeBackend: _decode, processBackend: _process, ...BENCH_FIELDS } = FIELDS;

/** Options of `patch-stream bench`, which has its own for the backends. */
export const BENCH = {
  ...BENCH_FIELDS,
  ...BOTH_STAGES,
  limit: option(whole({ min: 1 }), { help: "only the first videos of the folder" }),
  apis: option(words(APIS), {
    help: "what to time; decord and torchcodec where python3 (or $VCS_PYTHON) has them",
    default: ["decode_only", "patch_stream"],
    defaultText: "decode_only,patch_stream",
  }),
  decodeBackends: option(words(BACKENDS), { help: "where to decode", defaultText: "cpu" }),
  processBackends: option(words(BACKENDS), { help: "where to process", defaultText: "cpu" }),
  warmup: option(whole({ min: 0 }), { help: "runs of each video before those timed", default: 1 }),
  runs: option(whole({ min: 1 }), { help: "timed runs of each video", default: 1 }),
  json: flag({ help: "the results as JSON on stdout" }),
};

/** Operands of `patch-stream bench`. */
export const VIDEO_OR_FOLDER = {
  path: operand(fileOrUrl("PATH"), "a video, or a folder with videos"),
};

/** Values of the options of `patch-stream`. */
export type StreamOptions = OptionValues<typeof STREAM>;

/** Values of the options of `patch-stream bench`. */
export type BenchOptions = OptionValues<typeof BENCH>;
