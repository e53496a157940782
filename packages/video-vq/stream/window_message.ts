/**
 * Windows of tokens as messages of a channel, in several forms: our own payload of packed or range
 * coded bits, or tensors that any reader of safetensors, npy or PyTorch files understands. Indices of other
 * programs may have a first dimension of one.
 *
 * | form | payload | bytes of a 17×128×128 window, without headers |
 * |---|---|---|
 * | `packed` | packed bits | 2,880 |
 * | `range` | range coded bits | at most 2,880 |
 * | `indices` | tensor `indices` I32 [5, 16, 16] | 5,120 |
 * | `indices64` | tensor `indices` I64 [5, 16, 16] | 10,240 |
 * | `quant` | tensor `quant` F32 [1, 18, 5, 16, 16] | 92,160 |
 * | `quant16` | tensor `quant` F16 [1, 18, 5, 16, 16] | 46,080 |
 *
 * @module
 */
import { type Message, message } from "@vcs/transport/message";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import { VideoVqError } from "../errors.ts";
import {
  decodeWindow,
  encodeWindow,
  type FrameRate,
  type TokenWindow,
  type WindowVersion,
} from "./payload.ts";
import type { TokenDecoder, TokenEncoder } from "../coder/range_coder.ts";
import { WINDOW_FRAMES } from "./windows.ts";
import { checkFields, checkShape, type WindowLimits } from "./window_limits.ts";
import {
  latentShape,
  type Tokens,
  tokensFromIndices,
  tokensFromQuant,
  tokensToIndices,
  tokensToQuant,
} from "./tokens.ts";

/** How the tokens of a window are written into a message. */
export type PayloadForm = "packed" | "range" | "indices" | "indices64" | "quant" | "quant16";

/** Every form of payload. */
export const PAYLOAD_FORMS: readonly PayloadForm[] = [
  "packed",
  "range",
  "indices",
  "indices64",
  "quant",
  "quant16",
];

/** The fields of a message that are not in its window. */
export type MessageFields = Pick<
  Message,
  "streamId" | "sequence" | "modelId" | "key" | "end" | "afterDrop"
>;

/** Channels of tensors without our metadata: Open-MAGVIT2's. */
const CHANNELS = 18;
/** Frame rate of tensors without our metadata. */
const DEFAULT_RATE: FrameRate = [24, 1];

/**
 * Makes the message of a window.
 *
 * @param coder for the form `range`
 * @param version of the header of the forms `packed` and `range`. Default: 1.
 */
export function windowMessage(
  window: TokenWindow,
  fields: MessageFields,
  form: PayloadForm,
  coder?: TokenEncoder,
  version?: WindowVersion,
): Message {
  const pts = window.times[0]!;
  if (form === "packed" || form === "range") {
    const used = form === "range" ? coder : undefined;
    const payload = encodeWindow(window, used, fields.key, version);
    return message(payload, { ...fields, pts });
  }
  const payload = encodeSafetensors(tensorsOf(window.tokens, form), metadataOf(window));
  return message(payload, { ...fields, pts, format: "safetensors" });
}

/**
 * Reads the window of a message, whichever form it has.
 *
 * @param coder has learned from the windows before, for range coded ones
 * @param limits what the window must keep to. Default: what any encoder of ours sends.
 * @throws {VideoVqError} `bad-window` or `missing-context`, as `decodeWindow` does.
 */
export function messageWindow(
  received: Message,
  coder?: TokenDecoder,
  limits: WindowLimits = {},
): TokenWindow {
  if (received.format === "bytes") {
    return decodeWindow(received.payload, received.pts, coder, received.key, limits);
  }
  try {
    const { tensors, metadata } = readSafetensors(received.payload);
    const fields = ownFields(metadata);
    const tokens = readTokens(tensors, fields?.channels ?? CHANNELS, limits);
    const window = { tokens, ...fields?.window ?? plainFields(tokens, received) };
    checkFields(window, tokens.shape, limits);
    return window;
  } catch (error) {
    if (error instanceof VideoVqError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new VideoVqError("bad-window", `Cannot read a window: ${reason}`, { cause: error });
  }
}

function tensorsOf(
  tokens: Tokens,
  form: Exclude<PayloadForm, "packed" | "range">,
): Record<string, Tensor> {
  if (form === "indices") return { indices: tokensToIndices(tokens, "I32") };
  if (form === "indices64") return { indices: tokensToIndices(tokens, "I64") };
  const quant = tokensToQuant(tokens);
  if (form === "quant") return { quant };
  return { quant: { dtype: "F16", shape: quant.shape, data: Float16Array.from(quant.data) } };
}

/** What packed windows have in their header, as text. */
function metadataOf(window: TokenWindow): Record<string, string> {
  const { tokens: _, ...fields } = window;
  return { video_vq: JSON.stringify({ channels: window.tokens.shape.channels, ...fields }) };
}

function readTokens(
  tensors: ReadonlyMap<string, Tensor>,
  channels: number,
  limits: WindowLimits,
): Tokens {
  const [found] = tensors.values();
  if (found && tensors.size === 1) {
    const { dtype, shape, data } = found;
    if (dtype === "F32" || dtype === "F16") {
      checkShape(latentShape(shape), limits);
      return tokensFromQuant({ dtype, shape, data } as Tensor<"F32"> | Tensor<"F16">);
    }
    const sides = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
    if ((dtype === "I32" || dtype === "I64") && sides.length === 3) {
      const [frames, height, width] = sides as [number, number, number];
      const latent = { channels, frames, height, width };
      checkShape(latent, limits);
      return tokensFromIndices({ dtype, shape, data } as Tensor<"I32"> | Tensor<"I64">, latent);
    }
  }
  const names = [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`);
  throw new VideoVqError(
    "bad-window",
    `Cannot read a window: found ${
      names.join(", ") || "no tensors"
    }, expected one of quant F32 or F16 [1, channels, frames, rows, columns] or indices I32 or I64 [frames, rows, columns] or [1, frames, rows, columns]`,
  );
}

/** Tensors without our metadata are full windows of 8×8 pixels per position, 24 frames per second. */
function plainFields({ shape }: Tokens, message: Message): Omit<TokenWindow, "tokens"> {
  const { frames, height, width } = shape;
  const validFrames = 4 * (frames - 1) + 1;
  const duration = DEFAULT_RATE[1] / DEFAULT_RATE[0];
  // Files of other programs have no time: their windows follow each other.
  const pts = message.pts || message.sequence * WINDOW_FRAMES * duration;
  const times = Array.from({ length: validFrames + 1 }, (_, i) => pts + i * duration);
  return {
    validFrames,
    width: width * 8,
    height: height * 8,
    frameRate: DEFAULT_RATE,
    times,
    capturedAt: 0,
    encodeSeconds: 0,
    sentAt: 0,
  };
}

/** The fields in our metadata, each of its type; undefined if there is none. */
function ownFields(
  metadata: ReadonlyMap<string, string>,
): { channels: number; window: Omit<TokenWindow, "tokens"> } | undefined {
  const text = metadata.get("video_vq");
  if (text === undefined) return undefined;
  const fields = Object(JSON.parse(text)) as Partial<Record<string, unknown>>;
  const { channels = CHANNELS, frameRate, times, picture, ...rest } = fields;
  const { validFrames, width, height, capturedAt, encodeSeconds, sentAt } = rest;
  const single = { validFrames, width, height, capturedAt, encodeSeconds, sentAt };
  const lists = [frameRate, times].map((list) => Array.isArray(list) ? list : [undefined]);
  const numbers: unknown[] = [channels, ...Object.values(single), ...lists.flat()];
  if (!numbers.every((value) => typeof value === "number") || lists[0]!.length !== 2) {
    throw new VideoVqError("bad-window", "Cannot read a window: found incomplete metadata");
  }
  const shown = picture === undefined ? {} : { picture: Object(picture) };
  const window = { ...single, frameRate, times, ...shown } as Omit<TokenWindow, "tokens">;
  return { channels: channels as number, window };
}
