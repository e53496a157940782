/**
 * Shows that comparing finds what it should: in each suite's package one function is made slower by
 * 15 %, and `compare.ts` must name the benchmark that runs it. `deno task bench:planted [SUITE…]`;
 * ends with 1 where it did not. Slowdowns lie in copies of the last commit; this checkout stays.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { keyOf, type Name } from "./suite_process.ts";
import { checkout } from "./compare.ts";

/** A slowdown of one function. */
interface Slowdown {
  /** The function's file. */
  readonly file: string;
  /** Text after which it is planted, which stands in the file once: the function's first line. */
  readonly after: string;
  /** How much longer a call lasts, as a share of it, or in milliseconds where calls are too short. */
  readonly share?: number;
  readonly milliseconds?: number;
  /** Group and name of a benchmark that must be found. */
  readonly found: string;
}

/** By suite. */
export const SLOWDOWNS: Readonly<Record<string, Slowdown>> = {
  checkpoint: {
    file: "packages/onnx/checkpoint.ts",
    after: "options: CheckpointOptions = {},\n): Promise<Checkpoint> {",
    share: 0.15,
    found: "checkpoint of 7 MB / open 7 MB",
  },
  "clip-drift": {
    file: "packages/clip-drift/clip/preprocess.ts",
    after: "framing: Framing = cropBox,\n): Uint8Array {",
    share: 0.15,
    found: "stages / resize and crop to 224",
  },
  "encodec-stream": {
    file: "packages/encodec-stream/container/reader.ts",
    after: "async *#segments(from: number, to: number): AsyncGenerator<CodeBlock> {",
    share: 0.15,
    found: "six minutes of 48 kHz codes, 12 kbit/s / read every code",
  },
  media: {
    file: "packages/media/audio.ts",
    after: "options: DecodeAudioOptions = {},\n): Promise<AudioData> {",
    share: 0.15,
    found: "4 s of WAV to 24 kHz mono / decodeAudio",
  },
  onnx: {
    file: "packages/onnx/session.ts",
    after: "options: SessionOptions = {},\n  ): Promise<Session> {",
    share: 0.15,
    found: "EnCodec 48 kHz decoder / open and close a session",
  },
  "patch-stream": {
    file: "packages/patch-stream/decode_only.ts",
    after: "export async function decodeOnly(config: DecodeConfig): Promise<DecodedFrames> {",
    share: 0.15,
    found: "all 24 frames, made film, 360p / decodeOnly",
  },
  transport_channels: {
    file: "packages/transport/channels/tcp/frames.ts",
    after: "function check(promised: number, sum: number): void {",
    // Each frame is checked at both ends: 15 % of the 52 µs that a message of 92,160 bytes takes.
    milliseconds: 0.003,
    found: "10 × 92160 bytes / tcp: (3 credits)",
  },
  transport_formats: {
    file: "packages/transport/formats/tensor_convert.ts",
    after: "t: Tensor<FloatDType>, dtype: D): Tensor<D> {",
    share: 0.15,
    found: "convert 0.25 M numbers / F32 to F16",
  },
  "video-vq": {
    file: "packages/video-vq/frames/frame_fitter.ts",
    after: "fit(image: RgbImage): Uint8Array {",
    share: 0.15,
    found: "a frame to 128x128 / fit 640x480",
  },
};

/** A line that makes the function that it begins last longer, up to its last return. */
function slowLine({ share = 0, milliseconds = 0 }: Slowdown): string {
  return `
  const plantedBegin = performance.now();
  using _planted = { [Symbol.dispose]() {
    const now = performance.now();
    const end = now + ${milliseconds} + ${share} * (now - plantedBegin);
    while (performance.now() < end);
  } };`;
}

/** A file's text with the slowdown in it. */
export function plant(text: string, slowdown: Slowdown): string {
  const [before, behind, ...more] = text.split(slowdown.after);
  if (behind === undefined || more.length > 0) {
    throw new Error(`Cannot plant: the text does not stand once in ${slowdown.file}`);
  }
  return `${before}${slowdown.after}${slowLine(slowdown)}${behind}`;
}

/** Names of the benchmarks that comparing finds slower when the slowdown is planted. */
async function found(suite: string, slowdown: Slowdown): Promise<string[]> {
  await using copy = await checkout("HEAD");
  const file = join(copy.path, slowdown.file);
  await Deno.writeTextFile(file, plant(await Deno.readTextFile(file), slowdown));
  const json = join(copy.path, "compared.json");
  const compare = join(copy.path, "bench/compare.ts");
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", compare, "HEAD", "--quick", "--suite", suite, "--json", json],
    cwd: copy.path,
    env: { VCS_CACHE: Deno.env.get("VCS_CACHE") ?? join(import.meta.dirname!, "../.cache") },
  }).spawn().status;
  if (code !== 0 || !existsSync(json)) throw new Error(`Cannot compare: ended with ${code}`);
  const [{ results }] = JSON.parse(await Deno.readTextFile(json)) as [
    { results: readonly (Name & { readonly slower: boolean })[] },
  ];
  return results.filter(({ slower }) => slower).map(keyOf);
}

if (import.meta.main) {
  const suites = Deno.args.length > 0 ? Deno.args : Object.keys(SLOWDOWNS);
  const missed: string[] = [];
  for (const suite of suites) {
    const slowdown = SLOWDOWNS[suite];
    if (slowdown === undefined) throw new RangeError(`Cannot plant: no suite is named ${suite}`);
    const names = await found(suite, slowdown);
    if (!names.includes(slowdown.found)) missed.push(suite);
    process.stdout.write(`${suite}: found ${names.join("; ") || "nothing"}\n`);
  }
  process.stdout.write(missed.length > 0 ? `missed: ${missed.join(", ")}\n` : "all were found\n");
  Deno.exit(missed.length > 0 ? 1 : 0);
}
