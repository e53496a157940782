/**
 * How audio of an archive becomes codes: one model, several items at once.
 *
 * @module
 */
import { type AudioStream, openAudio } from "@vcs/media/audio";
import {
  type BatchItem,
  type BatchRecord,
  type BatchWork,
  concatBytes,
  defined,
  type OptionValues,
} from "@vcs/transport/internal";
import { tensor } from "@vcs/transport/tensor";
import type { BitratePlan } from "../audio/bitrate.ts";
import { FiniteSamples } from "../audio/finite.ts";
import type { Planar } from "../audio/overlap_add.ts";
import type { CodeBlock } from "../container/reader.ts";
import { framesFor, segmentCount } from "../container/segments.ts";
import { EcdcWriter } from "../container/writer.ts";
import config from "../deno.json" with { type: "json" };
import { Encoder } from "../encoder.ts";
import { EcdcError } from "../errors.ts";
import { modelSpec } from "../models.ts";
import { processors } from "../network/model_session.ts";
import { fitted } from "../command/audio_input.ts";
import { CODEC_OPTIONS, codecOptions } from "../command/codec_options.ts";
import { planOf, RATE_OPTIONS } from "../command/encoding.ts";

/** Options of the work. */
const OPTIONS = { ...RATE_OPTIONS, ...CODEC_OPTIONS };

/** Opens the model that the options name. */
export async function openWork(
  options: OptionValues<typeof OPTIONS>,
  signal: AbortSignal,
): Promise<BatchWork> {
  const plan = await planOf(options);
  const { threads = processors() } = options;
  // Items side by side use processors better than threads within one.
  const opening = { ...await codecOptions(options, signal), threads: 1 };
  const encoder = await Encoder.open(plan.spec.name, plan.codebooks, opening);
  return {
    settings: {
      ...{ command: "encodec-stream", model: plan.spec.name, bitrate: plan.bitrate },
      weights: options.weights ?? null,
    },
    versions: { "encodec-stream": config.version, deno: Deno.version.deno },
    jobs: threads,
    run: (item, signal) => encodeItem(item, { encoder, plan, signal }),
    encodeFile: (record) => ecdcFile(record, plan),
    [Symbol.asyncDispose]: () => Promise.resolve(encoder[Symbol.dispose]()),
  };
}

/** What items are encoded with. */
interface Encoding {
  readonly encoder: Encoder;
  readonly plan: BitratePlan;
  readonly signal: AbortSignal;
}

/** The codes of an item: `codes` in frames by codebooks, and at 48 kHz the `scales` of segments. */
async function encodeItem(
  item: BatchItem,
  { encoder, plan, signal }: Encoding,
): Promise<BatchRecord> {
  await using audio = await openAudio(item.source, { signal });
  const finite = new FiniteSamples();
  const samples = fitted(cut(audio, item), finite, plan.sampleRate, plan.spec.channels);
  const blocks = await Array.fromAsync(encoder.encode(samples));
  const last = blocks.at(-1);
  if (last === undefined) {
    throw new EcdcError("no-audio", `Cannot encode ${item.source}: found no audio, expected some`);
  }
  const count = last.start + last.samples;
  return {
    tensors: {
      codes: codesOf(blocks, plan.codebooks),
      ...(plan.spec.segmentation && {
        scales: tensor("F32", [blocks.length], Float32Array.from(blocks, (b) => b.scale ?? 1)),
      }),
    },
    fields: {
      ...{ model: plan.spec.name, bitrate: plan.bitrate, samples: count },
      ...{ sample_rate: plan.sampleRate, seconds: count / plan.sampleRate },
      replaced_samples: finite.replaced,
    },
  };
}

function codesOf(blocks: readonly CodeBlock[], codebooks: number) {
  const bytes = concatBytes(blocks.map(({ codes }) => {
    return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  }));
  const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return tensor("U16", [codes.length / codebooks, codebooks], codes);
}

/** The part of an audio that an item is about. */
function cut(audio: AudioStream, { from = 0, to = Infinity }: BatchItem) {
  const { sampleRate, channels } = audio;
  const [first, end] = [Math.round(from * sampleRate), Math.round(to * sampleRate)];
  return { sampleRate, channels, [Symbol.asyncIterator]: () => between(audio, first, end) };
}

async function* between(audio: AsyncIterable<Planar>, first: number, end: number) {
  let at = 0;
  for await (const channels of audio) {
    const length = channels[0]?.length ?? 0;
    const [start, stop] = [Math.max(0, first - at), Math.min(length, end - at)];
    if (start < stop) yield channels.map((samples) => samples.slice(start, stop));
    at += length;
    if (at >= end) return;
  }
}

/** A record as an `.ecdc` file. */
async function ecdcFile({ tensors, fields }: BatchRecord, plan: BitratePlan) {
  const { codes, scales } = tensors;
  const samples = Number(fields.samples);
  const parts: Uint8Array[] = [];
  const write = (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice()));
  const { spec, codebooks, bitrate, sampleRate } = plan;
  const writer = new EcdcWriter({ write }, {
    ...{ model: spec.name, codebooks, bitrate, sampleRate, samples },
  });
  const data = codes!.data as Uint16Array;
  let at = 0;
  for (const [i, frames] of segmentFrames(plan, samples).entries()) {
    const scale = (scales?.data as Float32Array | undefined)?.[i];
    await writer.write({
      codes: data.subarray(at, at += frames * codebooks),
      ...defined({ scale }),
    });
  }
  await writer.close(samples);
  return { extension: "ecdc", bytes: concatBytes(parts) };
}

/** Frames of each segment; 24 kHz audio is one. */
function segmentFrames({ spec }: BitratePlan, samples: number): number[] {
  const { segmentation } = modelSpec(spec.name);
  if (!segmentation) return [framesFor(spec, samples)];
  const { length, stride } = segmentation;
  return Array.from(
    { length: segmentCount(spec, samples) },
    (_, i) => framesFor(spec, Math.min(length, samples - i * stride)),
  );
}
