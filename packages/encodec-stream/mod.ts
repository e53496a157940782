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
export * from "./available_model.ts";
export * from "./bitrate.ts";
export * from "./bits.ts";
export * from "./container/seekable_source.ts";
export * from "./decoder.ts";
export * from "./ecdc_reader.ts";
export * from "./ecdc_writer.ts";
export * from "./encoder.ts";
export * from "./errors.ts";
export * from "./header.ts";
export * from "./info.ts";
export * from "./language_model.ts";
export * from "./lm_reader.ts";
export type { CodecOptions } from "./model_session.ts";
export * from "./models.ts";
export * from "./overlap_add.ts";
export * from "./playback.ts";
export * from "./segments.ts";
export * from "./sinks.ts";
export * from "./synthetic.ts";

if (import.meta.main) await (await import("./cli.ts")).main();
