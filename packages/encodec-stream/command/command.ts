/**
 * The command: `encodec-stream -i | -d | -e`, options and pipes as Encodec-Stream has them.
 *
 * @module
 */
import { runModelCommand } from "@vcs/onnx/internal";
import { ProgressLine, runMain, say, UsageError } from "@vcs/transport/internal";
import { type Arguments, helpText, parseArguments } from "./arguments.ts";
import type { BitratePlan } from "../audio/bitrate.ts";
import type { CodeSource, PcmBlock } from "../decoder.ts";
import { EcdcReader } from "../container/reader.ts";
import type { EcdcSink, EcdcWriterFields } from "../container/writer.ts";
import type { CodecOptions } from "../network/model_session.ts";
import type { ModelName } from "../models.ts";
import type { PcmFormat } from "../audio/pcm.ts";
import type { SampleRange } from "../playback.ts";

/** Rate and channels of the pipes. */
const PIPE = { sampleRate: 48000, channels: 2 } as const;

type Options = ReadonlyMap<string, string>;

/** The number that an option gives. */
function numberOf(options: Options, name: string, least: number): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw new UsageError(`Cannot use --${name} ${text}: a number of at least ${least} is needed`);
}

function wholeOf(options: Options, name: string, least: number): number | undefined {
  const value = numberOf(options, name, least);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new UsageError(`Cannot use --${name} ${value}: a whole number is needed`);
}

/** One of some words. */
function wordOf<const W extends string>(options: Options, name: string, words: readonly W[]) {
  const text = options.get(name);
  const found = words.find((word) => word === text);
  if (text === undefined || found !== undefined) return found;
  throw new UsageError(`Cannot use --${name} ${text}: allowed are ${words.join(", ")}`);
}

function codecOptions(options: Options, signal: AbortSignal): CodecOptions {
  const gpu = wholeOf(options, "gpu", 0);
  const device = options.get("device") ?? (gpu === undefined ? undefined : `cuda:${gpu}`);
  const threads = wholeOf(options, "threads", 1);
  const checkpoint = options.get("checkpoint");
  return {
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
    ...(checkpoint !== undefined && { checkpoint }),
    resolve: { signal, onProgress: (file) => say(`fetching ${file} …`) },
  };
}

/** `-i`: only the header is read. */
async function info({ file, options }: Arguments, signal: AbortSignal): Promise<void> {
  const { describeHeader, summarizeHeader } = await import("../container/info.ts");
  await using reader = await EcdcReader.open(file, { signal });
  const text = options.has("json")
    ? `${JSON.stringify({ ...summarizeHeader(reader.header), surplus: reader.surplus ?? null })}\n`
    : describeHeader(reader.header);
  await writeOut(Deno.stdout, new TextEncoder().encode(text));
}

interface ByteTarget {
  write(bytes: Uint8Array): Promise<number>;
}

async function writeOut(target: ByteTarget, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await target.write(bytes.subarray(at));
}

/** The codes of a file, by way of the language model where they are entropy-coded. */
async function codesOf(
  reader: EcdcReader,
  options: Options,
  signal: AbortSignal,
): Promise<{ source: CodeSource; [Symbol.dispose](): void }> {
  const { header } = reader;
  if (!header.lm) return { source: reader, [Symbol.dispose]() {} };
  say(
    "warning: this file is entropy-coded with a language model; it decodes only where this machine " +
      "computes the very probabilities of the one that encoded it, and may end in noise and an error",
  );
  const { LanguageModel } = await import("../lm/language_model.ts");
  const { LmReader } = await import("../lm/lm_reader.ts");
  const checkpoint = options.get("lm-checkpoint");
  const chosen = { resolve: { signal }, ...(checkpoint !== undefined && { checkpoint }) };
  const model = await LanguageModel.open(header.model, header.codebooks, chosen);
  return { source: new LmReader(reader, model), [Symbol.dispose]: () => model[Symbol.dispose]() };
}

/** Where decoded bytes go. */
async function openOutput(path: string): Promise<ByteTarget & Disposable> {
  if (path !== "-") return await Deno.open(path, { write: true, create: true, truncate: true });
  return { write: (bytes) => Deno.stdout.write(bytes), [Symbol.dispose]() {} };
}

/** The header of a WAV file, where one is asked for. */
async function startOfOutput(format: string, samples: number): Promise<Uint8Array> {
  if (format !== "wav") return new Uint8Array(0);
  const { wavHeader } = await import("@vcs/media/wav");
  return wavHeader({ sampleRate: PIPE.sampleRate, format: "s16" }, PIPE.channels, samples);
}

/** Seconds to decode, as asked for; 0 is the original's word for the end. */
function timesOf(options: Options): { from: number; to: number } {
  return { from: numberOf(options, "from", 0) ?? 0, to: numberOf(options, "to", 0) || Infinity };
}

/** `-d`: file or URL in, PCM out. */
async function decode({ file, options }: Arguments, signal: AbortSignal): Promise<void> {
  const format = wordOf(options, "format", ["s16", "f32", "wav"]) ?? "s16";
  const batch = wholeOf(options, "batch", -Infinity);
  const preroll = numberOf(options, "preroll", 0);
  const codec = codecOptions(options, signal);
  const times = timesOf(options);
  await using reader = await EcdcReader.open(file, { signal });
  const { Decoder } = await import("../decoder.ts");
  const { playback, playedRange } = await import("../playback.ts");
  using codes = await codesOf(reader, options, signal);
  using decoder = await Decoder.open(reader.header.model, codec);
  using output = await openOutput(options.get("output") ?? "-");
  const range = playedRange(reader.header, times);
  await writeOut(output, await startOfOutput(format, range.end - range.start));
  const blocks = playback(decoder, codes.source, {
    ...times,
    ...(batch !== undefined && { batch: Math.max(0, batch) }),
    lowLatency: options.has("low-latency"),
    ...(preroll !== undefined && { preroll }),
  });
  await writeBlocks(blocks, output, format === "f32" ? "f32" : "s16", range, signal);
  if ((reader.surplus ?? 0) > 0) say(`note: ${reader.surplus} bytes after the audio were left out`);
}

async function writeBlocks(
  blocks: AsyncIterable<PcmBlock>,
  output: ByteTarget,
  format: PcmFormat,
  range: SampleRange,
  signal: AbortSignal,
): Promise<void> {
  const { interleave } = await import("../audio/pcm.ts");
  const { abortable } = await import("@vcs/transport/internal");
  using progress = new ProgressLine();
  const begin = performance.now();
  for await (const { start, channels } of blocks) {
    // The reader of a pipe may be paused, for as long as it likes.
    await abortable(writeOut(output, interleave(channels, format)), signal);
    signal.throwIfAborted();
    const [from, at, to] = [range.start, start + channels[0]!.length, range.end]
      .map((sample) => sample / PIPE.sampleRate) as [number, number, number];
    const speed = (at - from) / ((performance.now() - begin) / 1000);
    progress.update(`${at.toFixed(1)} of ${to.toFixed(1)} s, ${speed.toFixed(1)}x real time`);
  }
}

/** A title; after a blank, Encodec-Stream takes it for base64. */
function titleOf(text: string | undefined): string | undefined {
  if (!text?.startsWith(" ")) return text;
  try {
    return new TextDecoder().decode(
      Uint8Array.fromBase64(text.trim(), { lastChunkHandling: "loose" }),
    );
  } catch {
    throw new UsageError(`Cannot use --name ${text}: after a blank, base64 is expected`);
  }
}

/** Bitrate in kbit/s where none is asked for. */
const DEFAULT_BITRATE = 24;

function bitrateOf(options: Options): number | undefined {
  const text = options.get("bitrate")?.replace(/k$/i, "");
  return text === undefined ? undefined : Number(text || NaN);
}

/** The model and rate of a bitrate, or what is wrong with it as a matter of usage. */
async function planned(bitrate: number, model?: ModelName): Promise<BitratePlan> {
  const { planBitrate } = await import("../audio/bitrate.ts");
  try {
    return planBitrate(bitrate, model);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * The model that is asked for, or else the one that suits the bitrate if it is on this machine, or
 * else the small one that travels with the package, at its own bitrates.
 */
async function planOf(options: Options): Promise<BitratePlan> {
  const { MODEL_NAMES, modelSpec } = await import("../models.ts");
  const { availableModel } = await import("../network/available_model.ts");
  const bitrate = bitrateOf(options);
  const model = wordOf(options, "model", MODEL_NAMES);
  const most = (name: ModelName) => modelSpec(name).bandwidths.at(-1)!;
  const official = await planned(bitrate ?? (model ? most(model) : DEFAULT_BITRATE), model);
  if (model !== undefined || options.has("checkpoint")) return official;
  const { name } = official.spec;
  const found = await availableModel(name);
  if (found === name) return official;
  const plan = await planned(Math.min(official.bitrate, most(found)), found);
  say(
    `note: ${name} is not on this machine; ${found}, which comes with this command, ` +
      `encodes at ${plan.bitrate} kbit/s (--model ${name} fetches the other)`,
  );
  return plan;
}

function headerFields(plan: BitratePlan, options: Options): EcdcWriterFields {
  const title = titleOf(options.get("name"));
  const source = options.get("source");
  const thumbnail = options.get("thumbnail");
  const samples = wholeOf(options, "samples", 0);
  return {
    model: plan.spec.name,
    codebooks: plan.codebooks,
    bitrate: plan.bitrate,
    sampleRate: plan.sampleRate,
    ...(title && { title }),
    ...(source && { source }),
    ...(thumbnail && { thumbnail }),
    ...(samples !== undefined && { samples }),
  };
}

/** Audio at the rate and number of channels that the plan feeds the model with. */
async function openInput(input: string, { sampleRate, spec }: BitratePlan) {
  const { openAudio } = await import("@vcs/media/audio");
  const { mixDown } = await import("../audio/downmix.ts");
  const audio = input === "-"
    ? await openAudio(Deno.stdin.readable, { sampleRate, raw: { ...PIPE, format: "s16" } })
    : await openAudio(input, { sampleRate });
  return mixDown(audio, audio.channels, spec.channels);
}

/** `-e`: PCM or an audio file in, `.ecdc` out. Interrupted, it finishes what it has heard. */
async function encode({ file, options }: Arguments, signal: AbortSignal): Promise<number> {
  const plan = await planOf(options);
  const fields = headerFields(plan, options);
  const input = options.get("input") ?? "-";
  const batch = wholeOf(options, "batch", 1) ?? (input === "-" ? 1 : undefined);
  const { Encoder } = await import("../encoder.ts");
  const { fileSink, stdoutSink } = await import("../container/sinks.ts");
  const { untilAborted } = await import("@vcs/transport/internal");
  if (/^\w+:\/\//.test(file)) throw new UsageError(`Cannot write to ${file}: a file is needed`);
  const audio = await openInput(input, plan);
  using encoder = await Encoder.open(plan.spec.name, plan.codebooks, codecOptions(options, signal));
  await using sink = file === "-" ? stdoutSink() : await fileSink(file);
  const settings = { ...(batch && { batch }), lowLatency: options.has("low-latency") };
  const blocks = encoder.encode(untilAborted(audio, signal), settings);
  await writeFile(blocks, sink, fields, plan);
  return signal.aborted ? 130 : 0;
}

async function writeFile(
  blocks: AsyncIterable<{ start: number; samples: number; codes: Uint16Array }>,
  sink: EcdcSink,
  fields: EcdcWriterFields,
  plan: BitratePlan,
): Promise<void> {
  const { EcdcWriter } = await import("../container/writer.ts");
  using progress = new ProgressLine();
  const begin = performance.now();
  const writer = new EcdcWriter(sink, fields);
  let samples = 0;
  for await (const block of blocks) {
    await writer.write(block);
    samples = block.start + block.samples;
    const seconds = samples / plan.sampleRate;
    const speed = seconds / ((performance.now() - begin) / 1000);
    progress.update(`${seconds.toFixed(1)} s, ${speed.toFixed(1)}x real time`);
  }
  await writer.close(samples);
}

const RUN = { info, decode, encode } as const;

/** `list`, `pull`, `verify`, `rm` and `doctor`. */
async function runModels(args: string[], signal: AbortSignal): Promise<number | undefined> {
  const models = async () => (await import("../network/catalog.ts")).CODEC_MODELS;
  return await runModelCommand("encodec-stream", models, args, signal);
}

/** Runs the command on the process's arguments and ends the process. */
export async function main(): Promise<never> {
  return await runMain("encodec-stream", async (args, signal) => {
    // A file of such a name is given as ./play.
    if (args[0] === "play") return (await import("../page/play.ts")).play(args.slice(1), signal);
    const modelRun = await runModels(args, signal);
    if (modelRun !== undefined) return modelRun;
    if (args.includes("--help") || args.includes("-h")) {
      await writeOut(Deno.stdout, new TextEncoder().encode(`${helpText()}\n`));
      return;
    }
    const parsed = parseArguments(args);
    return await RUN[parsed.mode](parsed, signal);
  });
}
