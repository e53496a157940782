/**
 * Video as tokens: 17 frames of 128×128 become 2,880 bytes on one machine and frames again on
 * another, with Open-MAGVIT2's video tokenizer.
 *
 * @module
 */
export * from "./config.ts";
export * from "./errors.ts";
export * from "./journal.ts";
export * from "./magvit.ts";
export * from "./magvit_tokenizer.ts";
export { type MemoryChannel, memoryChannel } from "@vcs/transport/channel";
export * from "./models.ts";
export * from "./network.ts";
export * from "./outputs.ts";
export * from "./payload.ts";
export * from "./pixels.ts";
export * from "./play_video.ts";
export * from "./preprocess.ts";
export * from "./quality.ts";
export * from "./range_coder.ts";
export * from "./receive_video.ts";
export * from "./send_video.ts";
export * from "./sources.ts";
export * from "./statistics.ts";
export * from "./synthetic.ts";
export * from "./tokenizer.ts";
export * from "./tokens.ts";
export * from "./vq_tiny.ts";
export * from "./window_message.ts";
export * from "./window_order.ts";
export * from "./windows.ts";

if (import.meta.main) {
  const [{ runMain }, { main }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./cli.ts"),
  ]);
  await runMain("video-vq", main);
}
