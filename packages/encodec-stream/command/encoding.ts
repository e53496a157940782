/**
 * What `-e` encodes and how: its options, the model and rate that they mean, and the blocks that come
 * of it.
 *
 * @module
 */
import { POLICIES } from "@vcs/transport/portable";
import {
  abortable,
  anyText,
  CHANNEL_OPTIONS,
  choice,
  defined,
  file,
  fileOrUrl,
  flag,
  group,
  isFile,
  number,
  operand,
  option,
  type OptionValues,
  say,
  untilAborted,
  UsageError,
  type ValueKind,
  whole,
} from "@vcs/transport/internal";
import { type BitratePlan, planBitrate } from "../audio/bitrate.ts";
import { FiniteSamples } from "../audio/finite.ts";
import type { Planar } from "../audio/overlap_add.ts";
import type { CodeBlock } from "../container/reader.ts";
import { Encoder } from "../encoder.ts";
import type { LiveHeader } from "../live/block_message.ts";
import { MODEL_NAMES, type ModelName, modelSpec, TINY_MODEL } from "../models.ts";
import { availableModel } from "../network/catalog.ts";
import { fitted, openInput, UntilFailure } from "./audio_input.ts";
import { CODEC_OPTIONS, codecOptions, isLive } from "./codec_options.ts";

/** Bitrate in kbit/s of a command line without one. */
const DEFAULT_BITRATE = 24;

/** The most that the small model has, in kbit/s. */
const TINY_HIGHEST = 6;

const KBPS = number({ above: 0, placeholder: "KBPS" });

/** Encodec-Stream writes `3.5k`, too. */
const BITRATE: ValueKind<number> = {
  ...KBPS,
  allowed: `${KBPS.allowed}, in kbit/s`,
  parse: (text) => KBPS.parse(text.replace(/k$/i, "")),
};

/** A title; after a blank, Encodec-Stream takes it for base64. */
const TITLE: ValueKind<string> = {
  placeholder: "TITLE",
  allowed: "texts, and base64 after a blank",
  parse(text) {
    if (!text.startsWith(" ")) return text;
    try {
      const bytes = Uint8Array.fromBase64(text.trim(), { lastChunkHandling: "loose" });
      return new TextDecoder().decode(bytes);
    } catch {
      return undefined;
    }
  },
};

const PATH = fileOrUrl("FILE");

/** A file or a channel: what is encoded cannot be written to other URLs. */
const WRITABLE: ValueKind<string> = {
  ...PATH,
  allowed: `${PATH.allowed}, and channels such as tcp://host:7000`,
  parse: (text) => /^[\w+]+:\/\//.test(text) && !isLive(text) ? undefined : PATH.parse(text),
};

/** Operands of `-e`. */
export const ENCODE_OPERANDS = {
  file: operand(
    WRITABLE,
    "what to write; - is standard output, tcp://…, nats://… and so on are channels",
  ),
};

/** Which network, at which bitrate. */
export const RATE_OPTIONS = {
  bitrate: option(BITRATE, {
    help: "any bitrate from 0.1 to 1000 kbit/s",
    short: "b",
    defaultText: "the highest of --model, else 24",
  }),
  model: option(choice(MODEL_NAMES, { placeholder: "NAME" }), {
    help: `which network: ${MODEL_NAMES.join(", ")}`,
    defaultText: `that of the bitrate; up to 6 kbit/s ${TINY_MODEL} if that is not here`,
  }),
};

/** Options of `-e`. */
export const ENCODE_OPTIONS = {
  bitrate: RATE_OPTIONS.bitrate,
  name: option(TITLE, { help: "title", short: "n" }),
  source: option(anyText("URL"), { help: "where it comes from", short: "s" }),
  thumbnail: option(anyText("URL"), { help: "its image", short: "t" }),
  input: option(file(), {
    help: "WAV, FLAC, MP3 … to encode; - is s16le at 48 kHz in stereo on standard input, or a file",
    default: "-",
  }),
  model: RATE_OPTIONS.model,
  samples: option(whole({ min: 0 }), {
    help: "length, if it is known: a pipe then gets data at once",
  }),
  batch: option(whole({ min: 1 }), {
    help: "segments per call, at 24 kHz most seconds",
    defaultText: "16, at 24 kHz and from standard input 1",
  }),
  lowLatency: flag({ help: "at 24 kHz, chunks of 0.1 s" }),
  ...CODEC_OPTIONS,
  ...group("Channel", {
    queue: option(whole({ min: 1, max: 1000 }), {
      help: "segments or chunks that may wait to be sent",
      default: 8,
    }),
    policy: option(choice(POLICIES), {
      help: "what a full queue does: a microphone cannot wait, a file can",
      default: "block",
    }),
    ...CHANNEL_OPTIONS,
  }),
};

type Options = OptionValues<typeof ENCODE_OPTIONS>;

function sayMixed(channels: number): void {
  if (channels > 1) say(`note: ${TINY_MODEL} is mono: the input's ${channels} channels are mixed`);
}

/** The model and rate of a bitrate, or what is wrong with it as a matter of usage. */
function planned(bitrate: number, model?: ModelName): BitratePlan {
  if (model === TINY_MODEL && bitrate > TINY_HIGHEST) {
    throw new UsageError(
      `Cannot encode at ${bitrate} kbit/s: ${model} has at most ${TINY_HIGHEST}, ` +
        "expected that, or another --model",
    );
  }
  try {
    return planBitrate(bitrate, model);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * The model that is asked for, or else the one that suits the bitrate if it is on this machine, or
 * if the bitrate needs it; else the small one that is bundled with the package.
 */
export async function planOf(
  { bitrate, model, weights }: Pick<Options, "bitrate" | "model" | "weights">,
): Promise<BitratePlan> {
  const highest = (name: ModelName) => modelSpec(name).bandwidths.at(-1)!;
  const official = planned(bitrate ?? (model ? highest(model) : DEFAULT_BITRATE), model);
  if (model !== undefined || weights !== undefined) return official;
  const { name } = official.spec;
  // Who asks for more than the small model has gets what it takes, and not another quality.
  if ((bitrate ?? 0) > TINY_HIGHEST || await availableModel(name) === name) return official;
  const plan = planned(bitrate ?? TINY_HIGHEST, TINY_MODEL);
  say(
    `note: ${name} is not on this machine; ${TINY_MODEL}, which comes with this command, encodes ` +
      `at ${plan.bitrate} kbit/s, in mono, and no other tool reads its files ` +
      `(--model ${name} fetches the other)`,
  );
  return plan;
}

/** What the header says, but for the length. */
function headerFields(plan: BitratePlan, { name, source, thumbnail }: Options): LiveHeader {
  return {
    model: plan.spec.name,
    codebooks: plan.codebooks,
    bitrate: plan.bitrate,
    sampleRate: plan.sampleRate,
    ...defined({ title: name, source, thumbnail }),
  };
}

/** Audio on its way to codes. */
export interface Encoding extends Disposable {
  /** What the header says, but for the length. */
  readonly header: LiveHeader;
  /** Samples per channel, resampled and mixed, at the header's rate. */
  readonly audio: AsyncIterable<Planar>;
  /** Keeps why the audio ended too soon. */
  readonly source: UntilFailure;
  /** Encodes audio. */
  encode(audio: AsyncIterable<Planar>): AsyncGenerator<CodeBlock>;
  /** Says how many samples were no numbers. */
  sayReplaced(): void;
}

/** Opens the input and the model. */
export async function openEncoding(options: Options, signal: AbortSignal): Promise<Encoding> {
  const { input, lowLatency } = options;
  const live = !await isFile(input);
  const { batch = live ? 1 : undefined } = options;
  const plan = await planOf(options);
  const finite = new FiniteSamples();
  const opening = abortable(openInput(input), signal).then((audio) => {
    if (options.model === TINY_MODEL) sayMixed(audio.channels);
    return fitted(audio, finite, plan.sampleRate, plan.spec.channels);
  });
  // A file that cannot be used is reported before weights are fetched; a pipe may come late.
  if (live) opening.catch(() => {});
  else await opening;
  const encoder = await Encoder.open(
    plan.spec.name,
    plan.codebooks,
    await codecOptions(options, signal),
  );
  try {
    const source = new UntilFailure();
    return {
      header: headerFields(plan, options),
      audio: source.of(untilAborted(await opening, signal)),
      source,
      encode: (audio) => encoder.encode(audio, { lowLatency, ...defined({ batch }) }),
      sayReplaced: () => sayReplaced(finite.replaced),
      [Symbol.dispose]: () => encoder[Symbol.dispose](),
    };
  } catch (error) {
    encoder[Symbol.dispose]();
    throw error;
  }
}

function sayReplaced(samples: number): void {
  if (samples > 0) say(`note: ${samples} samples were NaN or infinite and are encoded as 0`);
}
