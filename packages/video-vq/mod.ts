/**
 * Video as tokens: 17 frames of 128×128 become 2,880 bytes on one machine and frames again on
 * another, with Open-MAGVIT2's video tokenizer.
 *
 * @module
 */
export * from "./config.ts";
export * from "./errors.ts";
export * from "./network.ts";
export * from "./payload.ts";
export * from "./pixels.ts";
export * from "./preprocess.ts";
export * from "./quality.ts";
export * from "./range_coder.ts";
export * from "./statistics.ts";
export * from "./tokens.ts";
export * from "./windows.ts";
