/**
 * `encodec-stream -d`: file or URL in, PCM out.
 *
 * @module
 */
import {
  abortable,
  CHANNEL_OPTIONS,
  choice,
  type Command,
  command,
  defined,
  file,
  fileOrUrl,
  flag,
  group,
  type Invocation,
  operand,
  option,
  OutputFile,
  ProgressLine,
  refuseTerminal,
  say,
  UsageError,
  whole,
} from "@vcs/transport/internal";
import { interleave, type PcmFormat } from "../audio/pcm.ts";
import { EcdcReader } from "../container/reader.ts";
import { openSink } from "./open_sink.ts";
import type { EcdcSink } from "../container/writer.ts";
import { type CodeSource, Decoder, type PcmBlock } from "../decoder.ts";
import { playback, playedRange, type SampleRange } from "../playback.ts";
import { SECONDS } from "./seconds.ts";
import { SeekNote } from "./seek_note.ts";
import { CODEC_OPTIONS, codecOptions, fetching, isLive } from "./codec_options.ts";

/** Seconds that only the end of a stream of unknown length lies beyond. */
const ENDLESS = 1e9;

/** Rate and channels of the output. */
export const OUTPUT = { sampleRate: 48000, channels: 2 } as const;

/** Operands of `-d`. */
export const DECODE_OPERANDS = {
  file: operand(
    fileOrUrl(),
    "what to decode; - is standard input, tcp://…, nats://…, file:folder/ and so on are channels",
  ),
};

/** Options of `-d`. */
export const DECODE_OPTIONS = {
  from: option(SECONDS, { help: "second to start at", dash: "ss", default: 0 }),
  to: option(SECONDS, { help: "second to stop at; 0 is the end", dash: "to", default: 0 }),
  output: option(file(), {
    help: "where to write; - is standard output",
    short: "o",
    default: "-",
  }),
  format: option(choice(["s16", "f32", "wav"]), {
    help: "samples, at 48 kHz in stereo",
    default: "s16",
  }),
  batch: option(whole(), {
    help: "most segments per call, at 24 kHz seconds; 0 is all at once",
    short: "b",
    defaultText: "16, at 24 kHz 1",
  }),
  filter: option(choice(["kaiser", "hann"]), {
    help: "how 48 kHz are reached: without images, or as torchaudio does it",
    defaultText: "kaiser",
  }),
  rescale: flag({
    help: "make all of it quieter in place of clipping; decodes twice",
    short: "r",
    default: false,
  }),
  lowLatency: flag({ help: "at 24 kHz, chunks of 0.1 s" }),
  preroll: option(SECONDS, {
    help: "at 24 kHz, seek quickly, not exactly, by running only these seconds before the start",
    defaultText: "everything before the start",
  }),
  ...CODEC_OPTIONS,
  ...group("Channel", CHANNEL_OPTIONS),
  lmWeights: option(fileOrUrl("REFERENCE"), {
    help: "weights of the language model, for entropy-coded files",
    defaultText: "the official ones",
    formerly: ["lm-checkpoint"],
  }),
};

/** The subcommand `-d`. */
export const decode: Command = command({
  name: "decode",
  modes: ["-d", "--decode"],
  about: "decode to PCM on standard output: s16le at 48 kHz in stereo",
  operands: DECODE_OPERANDS,
  options: DECODE_OPTIONS,
  run,
});

async function run(
  { options, operands, signal }: Invocation<typeof DECODE_OPTIONS, typeof DECODE_OPERANDS>,
): Promise<void> {
  if (isLive(operands.file)) {
    return await (await import("./channel.ts")).receive(operands.file, options, signal);
  }
  const { output: path, format, from, batch, preroll, lowLatency, lmWeights, filter } = options;
  refuseTerminal(path, "samples", "-o FILE");
  if (options.rescale && operands.file === "-") {
    throw new UsageError(
      "Cannot rescale standard input: it is decoded twice, expected a file or URL",
    );
  }
  const times = { from, to: options.to || Infinity };
  await using file = await OutputFile.open(path, {
    inputs: [operands.file, options.weights, lmWeights],
  });
  await using reader = await EcdcReader.open(operands.file, { signal });
  using codes = await codesOf(reader, lmWeights, options.allowClass, signal);
  using decoder = await Decoder.open(reader.header.model, await codecOptions(options, signal));
  const range = playedRange(reader.header, times);
  const source = preroll === undefined ? new SeekNote(codes.source, from) : codes.source;
  const play = () =>
    playback(decoder, source, {
      ...{ ...times, lowLatency },
      ...defined({ preroll, filter, batch: batch && Math.max(0, batch) }),
    });
  const gain = options.rescale ? await gainOf(play(), signal) : 1;
  try {
    await using output = await openSink(file.part);
    if (format === "wav") await output.write(await wavStart(range));
    await writeBlocks(play(), output, { format, gain }, range, signal);
  } catch (error) {
    await file.keepPart();
    throw error;
  }
  await file.commit();
  sayRest(reader, range, times);
}

/** Says what else is to be known of a file that was decoded. */
function sayRest(
  { header: { duration }, surplus = 0 }: EcdcReader,
  { start, end }: SampleRange,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  if (start >= end) {
    const wanted = to < Infinity ? `from ${from} to ${to} s` : `from ${from} s on`;
    say(`note: nothing is there ${wanted}, the file ends at ${duration.toFixed(2)} s`);
  }
  if (surplus > 0) say(`note: ${surplus} bytes after the audio were ignored`);
}

/** The codes of a file, by way of the language model if they are entropy-coded. */
async function codesOf(
  reader: EcdcReader,
  weights: string | undefined,
  allowGlobals: readonly string[],
  signal: AbortSignal,
): Promise<{ source: CodeSource; [Symbol.dispose](): void }> {
  const { header } = reader;
  if (!header.lm) return { source: reader, [Symbol.dispose]() {} };
  say(
    "warning: this file is entropy-coded with a language model; it decodes only where this machine " +
      "computes exactly the probabilities of the one that encoded it, and may end in noise and an error",
  );
  const { LanguageModel } = await import("../lm/language_model.ts");
  const { LmReader } = await import("../lm/lm_reader.ts");
  const settings = { resolve: fetching(signal), allowGlobals, ...defined({ weights }) };
  const model = await LanguageModel.open(header.model, header.codebooks, settings);
  return { source: new LmReader(reader, model), [Symbol.dispose]: () => model[Symbol.dispose]() };
}

/** A WAV header of the output. */
export async function wavStart({ start, end }: SampleRange): Promise<Uint8Array> {
  const { wavHeader } = await import("@vcs/media/wav");
  const { sampleRate, channels } = OUTPUT;
  return wavHeader({ sampleRate, format: "s16" }, channels, end - start);
}

/** Highest level that `--rescale` leaves, as in Meta's tool. */
const LIMIT = 0.99;

/** The factor that brings the loudest sample down to the limit; 1 if it is below. */
async function gainOf(blocks: AsyncIterable<PcmBlock>, signal: AbortSignal): Promise<number> {
  let peak = 0;
  for await (const { channels } of blocks) {
    signal.throwIfAborted();
    for (const channel of channels) {
      for (const value of channel) peak = Math.max(peak, Math.abs(value));
    }
  }
  return peak > LIMIT ? LIMIT / peak : 1;
}

async function writeBlocks(
  blocks: AsyncIterable<PcmBlock>,
  output: EcdcSink,
  { format, gain }: { format: string; gain: number },
  range: SampleRange,
  signal: AbortSignal,
): Promise<void> {
  using progress = new ProgressLine();
  const begin = performance.now();
  const sample: PcmFormat = format === "f32" ? "f32" : "s16";
  for await (const { start, channels } of blocks) {
    const scaled = gain === 1 ? channels : channels.map((c) => c.map((v) => v * gain));
    // The reader of a pipe may be paused, for as long as it likes.
    await abortable(output.write(interleave(scaled, sample)), signal);
    signal.throwIfAborted();
    const [from, at, to] = [range.start, start + channels[0]!.length, range.end]
      .map((sample) => sample / OUTPUT.sampleRate) as [number, number, number];
    const speed = (at - from) / ((performance.now() - begin) / 1000);
    const whole = to > ENDLESS ? "" : ` of ${to.toFixed(1)}`;
    progress.update(`${at.toFixed(1)}${whole} s, ${speed.toFixed(1)}x real time`);
  }
}
