/**
 * Video as tokens: 17 frames of 128×128 become 2,880 bytes on one machine and frames again on
 * another, with Open-MAGVIT2's video tokenizer.
 *
 * @module
 */
export { type SendOptions, type SendStatistics, VideoSender } from "./send.ts";
export {
  framesOf,
  type OnResize,
  type ReceivedFrame,
  type ReceivedWindow,
  type ReceiveOptions,
  RECEIVER_CAPABILITIES,
  type ReceiveStatistics,
  VideoReceiver,
} from "./receive.ts";
export { type Playback, type PlayOptions, playVideo } from "./play.ts";
export { type ModelOptions, openDecoder, openEncoder, VIDEO_MODELS } from "./models.ts";
export { VideoVqError, type VideoVqErrorCode } from "./errors.ts";
export { WindowJournal } from "./stream/journal.ts";
export {
  decodeWindow,
  encodeWindow,
  type FrameRate,
  type TokenWindow,
  type WindowVersion,
} from "./stream/payload.ts";
export { type TokenCoding, TokenDecoder, TokenEncoder } from "./coder/range_coder.ts";
export {
  type Tokens,
  tokensFromIndices,
  tokensFromPacked,
  tokensFromQuant,
  type TokenShape,
  tokensToIndices,
  tokensToQuant,
} from "./stream/tokens.ts";
export type { PayloadForm } from "./stream/window_message.ts";
export type { LatentLimits, WindowLimits } from "./stream/window_limits.ts";
export {
  type FrameWindow,
  type TailPolicy,
  type TimedFrame,
  WINDOW_FRAMES,
  type WindowOptions,
  windowsOf,
} from "./stream/windows.ts";
export type { Clip, TokenizeOptions, WindowDecoder, WindowEncoder } from "./stream/tokenizer.ts";
export type { Latency, Summary } from "@vcs/transport/internal";
export type { WindowRange } from "./stream/window_order.ts";
export {
  type FrameSource,
  type OnError,
  openSource,
  rawSource,
  type SourceOptions,
} from "./frames/sources.ts";
export type { FitOptions, Picture, ResizeKind, RgbImage } from "./frames/frame_fitter.ts";
export { type FrameOutput, type FrameOutputOptions, openOutput } from "./frames/outputs.ts";
export { type CodedFrame, ShapeRestorer } from "./frames/shape_restorer.ts";
export { Quality } from "./frames/quality.ts";
export type { CheckpointOptions } from "./official/tokenizer.ts";
export type { ParameterSet } from "./official/checkpoint.ts";
export type { ClipSize, ConvForm } from "./official/network.ts";

if (import.meta.main) {
  const [{ runCommand }, { videoVq }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(videoVq);
}
