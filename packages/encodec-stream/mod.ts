/**
 * Exact streaming of neural audio: reads, writes, seeks, encodes and decodes `.ecdc`, the format of
 * Meta's EnCodec and of Encodec-Stream, without Python.
 *
 * - {@linkcode EcdcReader} and {@linkcode EcdcWriter}: the container, from files, URLs and pipes
 * - {@linkcode Decoder} and {@linkcode Encoder}: the two published models and a small one that comes along,
 *   streaming and exact
 * - {@linkcode playback}: decoded audio from and to any second at any rate
 *
 * Limits: entropy-coded files (`lm` is true) are read as well as that can be done and never written;
 * files of encodec-rs are refused by name.
 *
 * @example Write a file, read its header
 * ```ts
 * import { EcdcReader, formatHeader } from "@vcs/encodec-stream";
 * import assert from "node:assert/strict";
 *
 * const bytes = formatHeader({ model: "encodec_48khz", samples: 96000, codebooks: 8, title: "Two" });
 * await using reader = await EcdcReader.open(bytes);
 * assert.equal(reader.header.duration, 2);
 * assert.equal(reader.header.title, "Two");
 * ```
 *
 * @module
 */
export { type CodeSource, type DecodeOptions, Decoder, type PcmBlock } from "./decoder.ts";
export { type EncodeOptions, Encoder } from "./encoder.ts";
export {
  outputSamples,
  playback,
  type PlaybackOptions,
  playedRange,
  type SampleRange,
} from "./playback.ts";
export {
  codebooksFor,
  completeSpec,
  type LanguageModelSpec,
  MODEL_NAMES,
  type ModelEntry,
  type ModelName,
  type ModelSpec,
  modelSpec,
  type Segmentation,
  TINY_MODEL,
} from "./models.ts";
export {
  type BlockRange,
  bodyBytes,
  chunkFrames,
  type CodeBlock,
  describeHeader,
  type EcdcFields,
  type EcdcHeader,
  type EcdcPrefix,
  EcdcReader,
  type EcdcSink,
  type EcdcVersion,
  EcdcWriter,
  type EcdcWriterFields,
  type Extent,
  formatHeader,
  frameBits,
  framesFor,
  type HeaderSummary,
  MAX_JSON_BYTES,
  MAX_SAMPLE_RATE,
  mayBeShortByOne,
  parseHeader,
  parseJsonHeader,
  parsePrefix,
  PREFIX_BYTES,
  SCALE_BYTES,
  scaleFault,
  segmentCount,
  type SegmentPlace,
  segmentPlace,
  summarizeHeader,
  versionFor,
} from "./ecdc.ts";
export { EcdcError, type EcdcErrorCode } from "./errors.ts";
export { type BitratePlan, planBitrate } from "./audio/bitrate.ts";
export { OverlapAdd, type Planar } from "./audio/overlap_add.ts";
export { availableModel } from "./network/available_model.ts";
export { CODEC_MODELS, codecCatalog } from "./network/catalog.ts";
export { fileSink, stdoutSink } from "./container/sinks.ts";
export { type ByteRun, SeekableSource, type SourceLike } from "./container/seekable_source.ts";
export { type Json, PythonNumber } from "./container/python_json.ts";

if (import.meta.main) await (await import("./command/command.ts")).main();
