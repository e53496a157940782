/**
 * What a GPU should show, part by part: the same work on the CPU and on the device, what comes out
 * compared, then both timed. `gpu.ts` runs each part in a process of its own.
 *
 * @module
 */
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { Encoder } from "@vcs/encodec-stream/encoder";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";
import { syntheticAudio, syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { tensor } from "@vcs/transport/tensor";
import { decodeOnly } from "@vcs/patch-stream/decode_only";
import { planGrid } from "@vcs/patch-stream/internal";
import { openDecoder, openEncoder } from "@vcs/video-vq";
import {
  FULL_NETWORK,
  type NetworkConfig,
  SMALL_NETWORK,
  syntheticCheckpoint as magvitCheckpoint,
} from "@vcs/video-vq/internal";
import { openGpuStage } from "../packages/patch-stream/process/gpu.ts";
import { freeMemory } from "../packages/onnx/cuda/free_memory.ts";
import { openRandomClip } from "./clip-drift_model.ts";
import { fileBytes } from "./encodec-stream_audio.ts";
import { madeClip } from "./made_clips.ts";

/** One line of the report. */
export interface Row {
  /** What was done. */
  readonly work: string;
  /** Milliseconds on the CPU and on the device, the least of the runs. */
  readonly cpu: number;
  readonly device: number;
  /** How what came out differs, in words with units. */
  readonly difference: string;
}

/** One thing to measure. */
export interface Part {
  /** Seconds that it may take. */
  readonly seconds: number;
  /** Kinds of devices that it is for. */
  readonly kinds: readonly string[];
  /** Measures it; rows come as they are ready. */
  run(device: string, folder: string): AsyncGenerator<Row>;
}

type Work<T> = () => Promise<T>;

/** Runs both once for what comes out, then in turn for time. */
async function both<T>(
  work: string,
  [cpu, device]: readonly [Work<T>, Work<T>],
  difference: (cpu: T, device: T) => string,
  runs = 3,
): Promise<Row> {
  const told = difference(await cpu(), await device());
  const least = { cpu: Infinity, device: Infinity };
  for (let i = 0; i < runs; i++) {
    for (const [side, run] of [["cpu", cpu], ["device", device]] as const) {
      const begin = performance.now();
      await run();
      least[side] = Math.min(least[side], performance.now() - begin);
    }
  }
  return { work, ...least, difference: told };
}

type Numbers = ArrayLike<number>;

/** The largest difference, beside the largest value. */
function largest(cpu: Numbers, device: Numbers): string {
  if (cpu.length !== device.length) return `${cpu.length} and ${device.length} values`;
  let [most, size] = [0, 0];
  for (let i = 0; i < cpu.length; i++) {
    most = Math.max(most, Math.abs(cpu[i]! - device[i]!));
    size = Math.max(size, Math.abs(cpu[i]!));
  }
  return `at most ${most.toPrecision(2)} of ${size.toPrecision(3)}`;
}

/** How many values are not the same. */
function unequal(cpu: Numbers, device: Numbers): string {
  if (cpu.length !== device.length) return `${cpu.length} and ${device.length} values`;
  let count = 0;
  for (let i = 0; i < cpu.length; i++) count += Number(cpu[i] !== device[i]);
  return `${count} of ${cpu.length} differ`;
}

const SECONDS = 8 * 0.99;
const CODEBOOKS = 8;

async function decoded(decoder: Decoder, bytes: Uint8Array, batch: number): Promise<Float32Array> {
  await using reader = await EcdcReader.open(bytes);
  const blocks = await Array.fromAsync(decoder.decode(reader, { batch }));
  return await joined(blocks.flatMap(({ channels }) => channels));
}

async function joined(parts: readonly Float32Array<ArrayBuffer>[]): Promise<Float32Array> {
  return new Float32Array(await new Blob([...parts]).arrayBuffer());
}

async function encoded(encoder: Encoder, audio: Float32Array[], batch: number) {
  const blocks = await Array.fromAsync(encoder.encode(ReadableStream.from([audio]), { batch }));
  return blocks.flatMap(({ codes }) => [...codes]);
}

function encodec(model: ModelName): Part["run"] {
  return async function* (device) {
    const { channels, sampleRate } = modelSpec(model);
    const length = Math.round(SECONDS * sampleRate);
    const audio = syntheticAudio(model, length);
    const planes = Array.from(
      { length: channels },
      (_, c) => audio.subarray(c * length, (c + 1) * length),
    );
    const source = ReadableStream.from(fileBytes(model, SECONDS, CODEBOOKS));
    const bytes = await new Response(source).bytes();
    const weights = syntheticCheckpoint(model);
    const open = (device: string) =>
      Promise.all([
        Decoder.open(model, { weights, device }),
        Encoder.open(model, CODEBOOKS, { weights, device }),
      ]);
    const [[cpuDecoder, cpuEncoder], [decoder, encoder]] = [await open("cpu"), await open(device)];
    for (const batch of [1, 8]) {
      yield await both(`${model}: decode ${SECONDS} s, batch ${batch}`, [
        () => decoded(cpuDecoder, bytes, batch),
        () => decoded(decoder, bytes, batch),
      ], largest);
      yield await both(`${model}: encode ${SECONDS} s, batch ${batch}`, [
        () => encoded(cpuEncoder, planes, batch),
        () => encoded(encoder, planes, batch),
      ], unequal);
    }
  };
}

/** A window of moving waves. */
function waves(side: number) {
  const data = Uint8Array.from(
    { length: 17 * side * side * 3 },
    (_, i) => 128 + 60 * Math.sin(i / 97) + 50 * Math.sin(i / 16411),
  );
  return { frameCount: 17, height: side, width: side, data };
}

function magvit(network: NetworkConfig): Part["run"] {
  return async function* (device, folder) {
    const checkpoint = `${folder}/magvit.safetensors`;
    await Deno.writeFile(checkpoint, magvitCheckpoint(network));
    const clip = waves(128);
    const open = (device: string) =>
      Promise.all([
        openEncoder(checkpoint, { device, cache: folder }),
        openDecoder(checkpoint, { device, cache: folder }),
      ]);
    const [[cpuEncoder, cpuDecoder], [encoder, decoder]] = [await open("cpu"), await open(device)];
    const bits = async (half: typeof encoder) => (await half.encode(clip)).packed;
    yield await both(
      "17x128x128: encode, bytes of signs",
      [
        () => bits(cpuEncoder),
        () => bits(encoder),
      ],
      unequal,
      2,
    );
    const tokens = await cpuEncoder.encode(clip);
    const pixels = async (half: typeof decoder) => (await half.decode(tokens)).data;
    yield await both(
      "17x128x128: decode, levels",
      [
        () => pixels(cpuDecoder),
        () => pixels(decoder),
      ],
      largest,
      2,
    );
  };
}

async function* clip(device: string, folder: string): AsyncGenerator<Row> {
  const cpu = await openRandomClip(folder, "fp32");
  for (const precision of device === "cpu" ? ["fp32"] as const : ["fp32", "fp16"] as const) {
    const session = await openRandomClip(folder, precision, { device });
    for (const count of [1, 8]) {
      const pixels = tensor("U8", [count, 224, 224, 3]);
      pixels.data.set(waves(224).data.subarray(0, pixels.data.length));
      const embed = (one: typeof cpu) => async () =>
        (await one.run({ pixels }))["embedding"]!.data as Float32Array;
      const work = `ViT-B-32 ${precision}, ${count} images`;
      yield await both(work, [embed(cpu), embed(session)], largest);
    }
  }
}

async function* patchStage(device: string): AsyncGenerator<Row> {
  const { frames, width, height } = await decodeOnly({
    videoPath: await madeClip({ width: 1280, height: 720, frames: 96 }),
    sequenceLength: 8,
  });
  const size = 3 * width * height;
  for (const energy of ["blocksad", "reference"] as const) {
    const scores = (device: string) => async () => {
      await using stage = await openGpuStage({
        ...{ width, height, samples: [0, 1, 2, 3, 4, 5, 6, 7], grid: planGrid(width, height) },
        ...{ energy, energyPct: 95, compensate: true, antialias: false, change: false },
      }, device);
      for (let number = 0; number < 8; number++) {
        await stage.add({ number, data: frames.data.slice(number * size, (number + 1) * size) });
      }
      return (await stage.finish()).scores;
    };
    const work = `patches of eight 720p frames, ${energy}, with its session`;
    yield await both(work, [scores("cpu"), scores(device)], largest);
  }
}

async function* nvdec(): AsyncGenerator<Row> {
  const videoPath = await madeClip({ width: 1280, height: 720, frames: 96 });
  const decode = (decodeBackend: "cpu" | "gpu") => async () =>
    (await decodeOnly({ videoPath, sequenceLength: 96, readerCacheSize: 0, decodeBackend })).frames
      .data;
  yield await both("96 frames of 720p H.264 to RGB", [decode("cpu"), decode("gpu")], largest);
}

const ALL = ["cpu", "cuda", "webgpu"];

/** What is measured, in this order: 470 seconds in all. */
export const PARTS: Readonly<Record<string, Part>> = {
  "patch stage": { seconds: 45, kinds: ALL, run: patchStage },
  "CLIP": { seconds: 60, kinds: ALL, run: clip },
  "EnCodec 48 kHz": { seconds: 75, kinds: ALL, run: encodec("encodec_48khz") },
  "EnCodec 24 kHz": { seconds: 75, kinds: ALL, run: encodec("encodec_24khz") },
  "NVDEC": { seconds: 35, kinds: ["cuda"], run: nvdec },
  "MAGVIT, reduced": { seconds: 30, kinds: ALL, run: magvit(SMALL_NETWORK) },
  "MAGVIT, full size": { seconds: 150, kinds: ALL, run: magvit(FULL_NETWORK) },
};

/** Bytes that this process holds, and those that are taken on the GPU since `before`. */
export function memoryHeld(before: number): { readonly memory: number; readonly gpu: number } {
  const [free = 0] = freeMemory();
  return { memory: Deno.memoryUsage().rss, gpu: Math.max(0, before - free) };
}
