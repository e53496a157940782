/**
 * `encodec-stream -e`: PCM or an audio file in, `.ecdc` out. A live source makes a file whatever
 * ends it: its own end, a failure, or an interrupt.
 *
 * @module
 */
import {
  abortable,
  anyText,
  choice,
  type Command,
  command,
  defined,
  file,
  flag,
  type Invocation,
  isFile,
  number,
  operand,
  option,
  type OptionValues,
  OutputFile,
  ProgressLine,
  refuseTerminal,
  say,
  untilAborted,
  UsageError,
  type ValueKind,
  whole,
} from "@vcs/transport/internal";
import { type BitratePlan, planBitrate } from "../audio/bitrate.ts";
import { FiniteSamples } from "../audio/finite.ts";
import type { CodeBlock } from "../container/reader.ts";
import { openSink } from "./open_sink.ts";
import { EcdcWriter, type EcdcWriterFields } from "../container/writer.ts";
import { Encoder } from "../encoder.ts";
import { EcdcError } from "../errors.ts";
import { MODEL_NAMES, type ModelName, modelSpec, TINY_MODEL } from "../models.ts";
import { availableModel } from "../network/available_model.ts";
import { fitted, openInput, UntilFailure } from "./audio_input.ts";
import { CODEC_OPTIONS, codecOptions } from "./codec_options.ts";

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

const PATH = file();

/** A file, and no URL: what is encoded can only be written here. */
const WRITABLE: ValueKind<string> = {
  ...PATH,
  parse: (text) => /^\w+:\/\//.test(text) ? undefined : PATH.parse(text),
};

const OPERANDS = { file: operand(WRITABLE, "what to write; - is standard output") };

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

const OPTIONS = {
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
    defaultText: "16, at 24 kHz 8, from standard input 1",
  }),
  lowLatency: flag({ help: "at 24 kHz, chunks of 0.1 s" }),
  ...CODEC_OPTIONS,
};

type Options = OptionValues<typeof OPTIONS>;

/** The subcommand `-e`. */
export const encode: Command = command({
  name: "encode",
  modes: ["-e", "--encode"],
  about: "encode PCM from standard input, or an audio file",
  operands: OPERANDS,
  options: OPTIONS,
  run,
});

async function run(
  { options, operands, signal }: Invocation<typeof OPTIONS, typeof OPERANDS>,
): Promise<void> {
  const { input, lowLatency } = options;
  refuseTerminal(operands.file, "an .ecdc file", "name it in the place of -");
  const live = !await isFile(input);
  const { batch = live ? 1 : undefined } = options;
  const inputs = [input, options.weights];
  await using output = await OutputFile.open(operands.file, { inputs, live });
  const plan = await planOf(options);
  const finite = new FiniteSamples();
  const opening = abortable(openInput(input), signal).then((audio) => {
    if (options.model === TINY_MODEL) sayMixed(audio.channels);
    return fitted(audio, finite, plan.sampleRate, plan.spec.channels);
  });
  // A file that cannot be used is reported before weights are fetched; a pipe may come late.
  if (live) opening.catch(() => {});
  else await opening;
  using encoder = await Encoder.open(
    plan.spec.name,
    plan.codebooks,
    await codecOptions(options, signal),
  );
  const source = new UntilFailure();
  const samples = source.of(untilAborted(await opening, signal));
  const blocks = encoder.encode(samples, { lowLatency, ...defined({ batch }) });
  const written = await writeBlocks(blocks, output.part, headerFields(plan, options), source);
  if (finite.replaced > 0) {
    say(`note: ${finite.replaced} samples were NaN or infinite and are encoded as 0`);
  }
  if (written > 0 && (live || !(source.failure ?? signal.aborted))) await output.commit();
  if (source.failure) throw source.failure;
  if (written === 0 && !signal.aborted) {
    throw new EcdcError("no-audio", `Cannot encode ${input}: found no audio, expected some`);
  }
}

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

function headerFields(plan: BitratePlan, options: Options): EcdcWriterFields {
  const { name, source, thumbnail, samples } = options;
  return {
    model: plan.spec.name,
    codebooks: plan.codebooks,
    bitrate: plan.bitrate,
    sampleRate: plan.sampleRate,
    ...defined({ title: name, source, thumbnail, samples }),
  };
}

/**
 * Writes blocks until they end or fail, and finishes what was written in either case.
 *
 * @returns samples written
 */
async function writeBlocks(
  blocks: AsyncIterator<CodeBlock>,
  path: string,
  fields: EcdcWriterFields,
  source: UntilFailure,
): Promise<number> {
  let next = await blocks.next();
  if (next.done) return 0;
  await using sink = await openSink(path);
  using progress = new ProgressLine();
  // A file's header is patched at the end, whatever length was announced.
  const { samples: _, ...rest } = fields;
  const writer = new EcdcWriter(sink, sink.rewriteStart ? rest : fields);
  const begin = performance.now();
  let written = 0;
  try {
    for (; !next.done; next = await blocks.next()) {
      await writer.write(next.value);
      written = next.value.start + next.value.samples;
      const seconds = written / (fields.sampleRate ?? 1);
      const speed = seconds / ((performance.now() - begin) / 1000);
      progress.update(`${seconds.toFixed(1)} s, ${speed.toFixed(1)}x real time`);
    }
  } catch (error) {
    source.failure ??= error;
  }
  await writer.close(written).catch((error) => source.failure ??= error);
  return written;
}
