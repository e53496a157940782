/**
 * Video as tokens: 17 frames of 128×128 become 2,880 bytes on one machine and frames again on
 * another, with Open-MAGVIT2's video tokenizer.
 *
 * @module
 */
export { type SendOptions, type SendStatistics, VideoSender } from "./send.ts";
export {
  framesOf,
  type ReceivedFrame,
  type ReceivedWindow,
  type ReceiveOptions,
  type ReceiveStatistics,
  VideoReceiver,
} from "./receive.ts";
export { type Playback, type PlayOptions, playVideo } from "./play.ts";
export {
  type ModelOptions,
  OFFICIAL_MODEL,
  openDecoder,
  openEncoder,
  VIDEO_MODELS,
} from "./models.ts";
export { VideoVqError, type VideoVqErrorCode } from "./errors.ts";
export { WindowJournal } from "./stream/journal.ts";
export {
  decodeWindow,
  encodeWindow,
  type FrameRate,
  PAYLOAD_HEADER_SIZE,
  readHeader,
  type TokenWindow,
  type WindowHeader,
} from "./stream/payload.ts";
export {
  packedSize,
  positionCount,
  sameTokens,
  type Tokens,
  tokensFromIndices,
  tokensFromLatent,
  tokensFromPacked,
  tokensFromQuant,
  type TokenShape,
  tokensToIndices,
  tokensToQuant,
} from "./stream/tokens.ts";
export {
  type MessageFields,
  messageWindow,
  PAYLOAD_FORMS,
  type PayloadForm,
  windowMessage,
} from "./stream/window_message.ts";
export {
  type FrameWindow,
  reconstructedFrames,
  type TailPolicy,
  type TimedFrame,
  wallTime,
  WINDOW_FRAMES,
  Windower,
  type WindowOptions,
  windowsOf,
} from "./stream/windows.ts";
export type { Clip, TokenizeOptions, WindowDecoder, WindowEncoder } from "./stream/tokenizer.ts";
export { type Latency, latencyLine, latencyOf, Series, type Summary } from "./stream/statistics.ts";
export { TokenDecoder, TokenEncoder } from "./stream/range_coder.ts";
export {
  frameRateOf,
  type FrameSource,
  openSource,
  rawSource,
  type SourceOptions,
} from "./frames/sources.ts";
export { type FrameOutput, openOutput } from "./frames/outputs.ts";
export { Quality } from "./frames/quality.ts";
export { openTinyDecoder, openTinyEncoder, type TinyOptions } from "./tiny/tokenizer.ts";
export { type MagvitOptions, openMagvitDecoder, openMagvitEncoder } from "./magvit/tokenizer.ts";
export { MagvitCheckpoint, type WeightSet } from "./magvit/magvit.ts";
export type { WindowRange } from "./stream/window_order.ts";
export type { FitOptions, Picture } from "./frames/preprocess.ts";
export type { ClipSize, ConvForm, NetworkOptions } from "./magvit/network.ts";
export type { Half, NetworkConfig } from "./magvit/config.ts";

export { type MemoryChannel, memoryChannel } from "@vcs/transport/channel";

if (import.meta.main) {
  const [{ runMain }, { main }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runMain("video-vq", main);
}
