/**
 * `encodec-stream -e`: PCM or an audio file in, `.ecdc` out. Interrupted, it finishes the file with
 * what it has received.
 *
 * @module
 */
import {
  anyText,
  choice,
  type Command,
  command,
  defined,
  file,
  flag,
  type Invocation,
  number,
  operand,
  option,
  type OptionValues,
  ProgressLine,
  refuseTerminal,
  say,
  untilAborted,
  UsageError,
  type ValueKind,
  whole,
} from "@vcs/transport/internal";
import { type BitratePlan, planBitrate } from "../audio/bitrate.ts";
import { mixDown } from "../audio/downmix.ts";
import type { Planar } from "../audio/overlap_add.ts";
import type { CodeBlock } from "../container/reader.ts";
import { openSink } from "../container/sinks.ts";
import { type EcdcSink, EcdcWriter, type EcdcWriterFields } from "../container/writer.ts";
import { Encoder } from "../encoder.ts";
import { MODEL_NAMES, type ModelName, modelSpec, TINY_MODEL } from "../models.ts";
import { availableModel } from "../network/available_model.ts";
import { CODEC_OPTIONS, codecOptions } from "./codec_options.ts";

/** PCM on standard input. */
const PIPE = { sampleRate: 48000, channels: 2, format: "s16" } as const;

/** Bitrate in kbit/s of a command line without one. */
const DEFAULT_BITRATE = 24;

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

const OPTIONS = {
  bitrate: option(BITRATE, {
    help: "any bitrate from 0.1 to 1000 kbit/s",
    short: "b",
    defaultText: "the highest of --model, else 24",
  }),
  name: option(TITLE, { help: "title", short: "n" }),
  source: option(anyText("URL"), { help: "where it comes from", short: "s" }),
  thumbnail: option(anyText("URL"), { help: "its image", short: "t" }),
  input: option(file(), {
    help: "WAV, FLAC, MP3 … to encode; - is s16le at 48 kHz in stereo on standard input",
    default: "-",
  }),
  model: option(choice(MODEL_NAMES, { placeholder: "NAME" }), {
    help: `which network: ${MODEL_NAMES.join(", ")}`,
    defaultText: `that of the bitrate if it is on this machine, else ${TINY_MODEL}`,
  }),
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
  const { input, lowLatency, batch = input === "-" ? 1 : undefined } = options;
  refuseTerminal(operands.file, "an .ecdc file", "name it in the place of -");
  const plan = await planOf(options);
  const audio = await openInput(input, plan);
  const { spec, codebooks } = plan;
  using encoder = await Encoder.open(spec.name, codebooks, codecOptions(options, signal));
  await using sink = await openSink(operands.file);
  const settings = { lowLatency, ...defined({ batch }) };
  const blocks = encoder.encode(untilAborted(audio, signal), settings);
  await writeBlocks(blocks, sink, headerFields(plan, options), plan);
}

/** The model and rate of a bitrate, or what is wrong with it as a matter of usage. */
function planned(bitrate: number, model?: ModelName): BitratePlan {
  try {
    return planBitrate(bitrate, model);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * The model that is asked for, or else the one that suits the bitrate if it is on this machine, or
 * else the small one that is bundled with the package, at its own bitrates.
 */
async function planOf({ bitrate, model, weights }: Options): Promise<BitratePlan> {
  const highest = (name: ModelName) => modelSpec(name).bandwidths.at(-1)!;
  const official = planned(bitrate ?? (model ? highest(model) : DEFAULT_BITRATE), model);
  if (model !== undefined || weights !== undefined) return official;
  const { name } = official.spec;
  const found = await availableModel(name);
  if (found === name) return official;
  const plan = planned(Math.min(official.bitrate, highest(found)), found);
  say(
    `note: ${name} is not on this machine; ${found}, which comes with this command, ` +
      `encodes at ${plan.bitrate} kbit/s (--model ${name} fetches the other)`,
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

/** Audio at the rate and number of channels that the plan feeds the model with. */
async function openInput(
  input: string,
  { sampleRate, spec }: BitratePlan,
): Promise<AsyncIterable<Planar>> {
  const { openAudio } = await import("@vcs/media/audio");
  const audio = input === "-"
    ? await openAudio(Deno.stdin.readable, { sampleRate, raw: PIPE })
    : await openAudio(input, { sampleRate });
  return mixDown(audio, audio.channels, spec.channels);
}

async function writeBlocks(
  blocks: AsyncIterable<CodeBlock>,
  sink: EcdcSink,
  fields: EcdcWriterFields,
  { sampleRate }: BitratePlan,
): Promise<void> {
  using progress = new ProgressLine();
  const begin = performance.now();
  const writer = new EcdcWriter(sink, fields);
  let samples = 0;
  for await (const block of blocks) {
    await writer.write(block);
    samples = block.start + block.samples;
    const seconds = samples / sampleRate;
    const speed = seconds / ((performance.now() - begin) / 1000);
    progress.update(`${seconds.toFixed(1)} s, ${speed.toFixed(1)}x real time`);
  }
  await writer.close(samples);
}
