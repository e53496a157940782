/**
 * Windows of tokens as messages of a channel, in several forms: our own payload of packed or range
 * coded bits, or tensors that any reader of safetensors, npy or PyTorch files understands.
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
import { decodeWindow, encodeWindow, type FrameRate, type TokenWindow } from "./payload.ts";
import type { TokenDecoder, TokenEncoder } from "./range_coder.ts";
import {
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
 */
export function windowMessage(
  window: TokenWindow,
  fields: MessageFields,
  form: PayloadForm,
  coder?: TokenEncoder,
): Message {
  const pts = window.times[0]!;
  if (form === "packed" || form === "range") {
    const payload = encodeWindow(window, form === "range" ? coder : undefined, fields.key);
    return message(payload, { ...fields, pts });
  }
  const payload = encodeSafetensors(tensorsOf(window.tokens, form), metadataOf(window));
  return message(payload, { ...fields, pts, format: "safetensors" });
}

/**
 * Reads the window of a message, whichever form it has.
 *
 * @param coder has learned from the windows before, for range coded ones
 * @throws {VideoVqError} `bad-window` or `missing-context`, as `decodeWindow` does.
 */
export function messageWindow(received: Message, coder?: TokenDecoder): TokenWindow {
  if (received.format === "bytes") {
    return decodeWindow(received.payload, received.pts, coder, received.key);
  }
  try {
    const { tensors, metadata } = readSafetensors(received.payload);
    return withFields(readTokens(tensors, metadata), metadata, received.pts);
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
  metadata: ReadonlyMap<string, string>,
): Tokens {
  const [found] = tensors.values();
  if (found && tensors.size === 1) {
    const { dtype, shape, data } = found;
    if (dtype === "F32" || dtype === "F16") {
      return tokensFromQuant({ dtype, shape, data } as Tensor<"F32"> | Tensor<"F16">);
    }
    if ((dtype === "I32" || dtype === "I64") && shape.length === 3) {
      const [frames, height, width] = shape as [number, number, number];
      const { channels = CHANNELS } = JSON.parse(metadata.get("video_vq") ?? "{}");
      const indices = { dtype, shape, data } as Tensor<"I32"> | Tensor<"I64">;
      return tokensFromIndices(indices, { channels, frames, height, width });
    }
  }
  const names = [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`);
  throw new VideoVqError(
    "bad-window",
    `Cannot read a window: found ${
      names.join(", ") || "no tensors"
    }, expected one of quant F32 or F16 [1, channels, frames, rows, columns] or indices I32 or I64 [frames, rows, columns]`,
  );
}

/** Tensors without our metadata are full windows of 8×8 pixels per position, 24 frames per second. */
function withFields(
  tokens: Tokens,
  metadata: ReadonlyMap<string, string>,
  pts: number,
): TokenWindow {
  const text = metadata.get("video_vq");
  if (text !== undefined) return checkedFields(tokens, JSON.parse(text) as Partial<TokenWindow>);
  const { frames, height, width } = tokens.shape;
  const validFrames = 4 * (frames - 1) + 1;
  const times = Array.from(
    { length: validFrames + 1 },
    (_, i) => pts + i * DEFAULT_RATE[1] / DEFAULT_RATE[0],
  );
  return {
    tokens,
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

function checkedFields(tokens: Tokens, fields: Partial<TokenWindow>): TokenWindow {
  const { validFrames, width, height, frameRate, times, capturedAt, encodeSeconds, sentAt } =
    fields;
  const single = { validFrames, width, height, capturedAt, encodeSeconds, sentAt };
  const numbers = [...Object.values(single), ...frameRate ?? [NaN], ...times ?? [NaN]];
  if (!numbers.every(Number.isFinite) || times!.length !== validFrames! + 1) {
    throw new VideoVqError("bad-window", "Cannot read a window: found incomplete metadata");
  }
  return { tokens, ...single, frameRate, times } as TokenWindow;
}
