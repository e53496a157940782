/**
 * From the values of a command line to the options of the library.
 *
 * @module
 */
import type { LiveEvent } from "@vcs/media/video_reader";
import { defined, DownloadBar, type OptionValues, say, UsageError } from "@vcs/transport/internal";
import type { SourceOptions } from "../frames/sources.ts";
import type { ModelOptions } from "../models.ts";
import type { SendOptions } from "../send.ts";
import type { WindowVersion } from "../stream/payload.ts";
import type { PayloadForm } from "../stream/window_message.ts";
import { TINY_MODEL } from "../tiny/graph.ts";
import type { WindowEncoder } from "../stream/tokenizer.ts";
import { type ENCODE, type FRAMES, isNetwork, type MODEL, type ROUNDTRIP } from "./options.ts";

/** The network and weights that are meant, as the library takes them. */
export interface ChosenModel {
  /** Name of the network, or where its weights are. Default: what is on this machine. */
  readonly reference?: string;
  /** Which of the checkpoint's sets of parameters. Default: the averages if it has them. */
  readonly parameters?: "ema" | "raw";
}

/** Options that say which network runs, with which weights. */
type ModelChoice = Partial<Pick<OptionValues<typeof MODEL>, "model" | "weights" | "parameters">>;

/**
 * The network and weights that are meant. Says a note about old spellings, which are accepted for
 * one minor version: `--model PATH`, and `--weights ema|raw`.
 *
 * @throws {UsageError} for weights of a network whose weights are bundled.
 */
export function chosenModel({ model, weights, parameters }: ModelChoice): ChosenModel {
  if (weights === "ema" || weights === "raw") {
    say(`note: --weights ${weights} is now --parameters ${weights}`);
    return chosenModel({ ...defined({ model }), parameters: weights });
  }
  if (model !== undefined && !isNetwork(model)) {
    say(`note: --model ${model} is now --weights ${model}`);
  } else if (model === TINY_MODEL && weights !== undefined) {
    throw new UsageError(
      `Cannot read --weights: found "${weights}", expected none: those of ${TINY_MODEL} are bundled`,
    );
  }
  return defined({ reference: weights ?? model, parameters });
}

/** How to open the model, and by which reference. */
export function modelOptions(
  values: OptionValues<typeof MODEL>,
  signal: AbortSignal,
): ModelOptions & Pick<ChosenModel, "reference"> {
  const { device, threads, precision, allowClass: allowGlobals } = values;
  const { onLine, onProgress } = new DownloadBar();
  return {
    ...chosenModel(values),
    ...defined({ threads }),
    ...{ device, precision, allowGlobals, signal, onLine, onProgress },
  };
}

/** Says that a live source went away, or is back. */
function sayConnection(event: LiveEvent): void {
  if (event.type === "connected") return say(`connected to ${event.url}`);
  const { error, retryIn } = event;
  say(
    retryIn === undefined ? error.message : `${error.message}; next try in ${retryIn.toFixed(1)} s`,
  );
}

/** How to read the source. */
export function sourceOptions(
  { rawSize: size, fps, live, onError }: OptionValues<typeof FRAMES>,
  stop: AbortSignal,
): SourceOptions {
  return { ...defined({ size, fps }), live, onError, stop, onEvent: sayConnection };
}

/** Options of sending that command lines set. */
interface EncodeOptions extends
  Pick<
    SendOptions,
    | "width"
    | "height"
    | "fit"
    | "cropSeed"
    | "tail"
    | "keyEvery"
    | "windowVersion"
    | "queue"
    | "policy"
  > {
  readonly payload: PayloadForm;
}

/** How frames become windows, and tokens messages. */
export function encodeOptions(
  values: OptionValues<typeof ROUNDTRIP>,
  channel?: string,
): EncodeOptions {
  const { size, fit, cropSeed, tail, keyEvery, queue, policy } = values;
  const payload = payloadFor(values, channel);
  const windowVersion = windowVersionFor(values, channel);
  const given = defined({ cropSeed, keyEvery, windowVersion });
  return { ...size, fit, tail, payload, queue, policy, ...given };
}

/**
 * How tokens are written: as asked, or range coded where every window arrives, because those build
 * on each other. Where the channel writes tensors (`format=`), packed, which other programs read.
 *
 * @param channel URL of the channel. Default: inside the process.
 */
export function payloadFor(
  { payload, policy }: Pick<OptionValues<typeof ROUNDTRIP>, "payload" | "policy">,
  channel = "memory:",
): PayloadForm {
  if (payload !== undefined) return payload;
  const isLossy = policy !== "block" || /^zmq\+pub:/i.test(channel);
  return isLossy || /[?&]format=/.test(channel) ? "packed" : "range";
}

/**
 * Version of the windows: as asked; inside the process both ends are the same program.
 *
 * @param channel URL of the channel. Default: inside the process.
 */
export function windowVersionFor(
  { windowVersion }: Partial<Pick<OptionValues<typeof ROUNDTRIP>, "windowVersion">>,
  channel?: string,
): WindowVersion | undefined {
  if (windowVersion === undefined) return channel === undefined ? 2 : undefined;
  return windowVersion === "2" ? 2 : 1;
}

/** What tokens are written as, for people. */
export function shownPayload(payload: PayloadForm): string {
  return payload === "range" ? "range coded (packed with --payload packed)" : payload;
}

/** Refuses, before anything is sent, a tail that the model cannot encode. */
export function requireTail({ tail }: EncodeOptions, encoder: WindowEncoder): void {
  if (tail !== "exact" || !encoder.fullWindows) return;
  throw new UsageError(
    `Cannot read --tail: found "exact", expected pad or drop: ${encoder.description} takes full windows only`,
  );
}

/**
 * Requires that all windows are keys in a range coded stream that may be sent again.
 *
 * @throws {UsageError} if they are not.
 */
export function requireKeys(
  { streamId, payload, keyEvery = 1 }:
    & Pick<OptionValues<typeof ENCODE>, "streamId" | "keyEvery">
    & Pick<EncodeOptions, "payload">,
): void {
  if (streamId === undefined || payload !== "range" || keyEvery === 1) return;
  throw new UsageError(
    `Cannot read --key-every: found "${keyEvery}", expected 1 with --stream-id if tokens are range coded`,
  );
}
