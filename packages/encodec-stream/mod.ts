/**
 * Exact streaming of neural audio: reads, writes, seeks, encodes and decodes `.ecdc`, the format of
 * Meta's EnCodec and of Encodec-Stream, without Python.
 *
 * - {@linkcode EcdcReader} and {@linkcode EcdcWriter}: the container, from files, URLs and pipes
 * - {@linkcode Decoder} and {@linkcode Encoder}: the published models and a small one that is
 *   bundled, streaming and exact
 * - {@linkcode playback}: decoded audio between any two seconds at any rate
 *
 * Limits: entropy-coded files (`lm` is true) are read as well as that can be done and never written;
 * files of encodec-rs are refused.
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
export type { CodecOptions, OpenedModel } from "./network/model_session.ts";
export { playback, type PlaybackOptions, playedRange, type SampleRange } from "./playback.ts";
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
export { availableModel } from "./network/available_model.ts";
export { CODEC_MODELS, codecCatalog } from "./network/catalog.ts";
export { type BitratePlan, planBitrate } from "./audio/bitrate.ts";
export type { Planar } from "./audio/overlap_add.ts";
export {
  type BlockRange,
  type ByteRun,
  type CodeBlock,
  type Codes,
  codesOfArray,
  concat,
  cut,
  decodeCodes,
  describeHeader,
  type EcdcFields,
  type EcdcHeader,
  type EcdcPart,
  EcdcReader,
  type EcdcSink,
  type EcdcTitles,
  type EcdcVersion,
  EcdcWriter,
  type EcdcWriterFields,
  encodeCodes,
  fileSink,
  formatHeader,
  type HeaderOptions,
  type HeaderSummary,
  type Json,
  type OpenOptions,
  parseHeader,
  type PythonNumber,
  readCodes,
  type SeekableSource,
  setTitles,
  type SourceLike,
  stdoutSink,
  summarizeHeader,
  UNKNOWN_LENGTH,
  writeCodes,
} from "./ecdc.ts";
export type { LiveHeader } from "./live/block_message.ts";
export { LiveSender, type LiveSendOptions, type LiveSendStatistics } from "./live/live_sender.ts";
export { type LivePlace, LiveSource, type LiveStatistics } from "./live/live_source.ts";
export { EcdcError, type EcdcErrorCode } from "./errors.ts";

if (import.meta.main) {
  const [{ runCommand }, { encodecStream }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(encodecStream);
}
