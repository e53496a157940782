/**
 * Both halves of the video tokenizer beside PyTorch: time, and the largest difference of what
 * comes out. Not part of the benchmarks: at full size it takes minutes and gigabytes.
 *
 *   deno run -A bench/video-vq_full.ts [--size full|small] [--frames 256x144] [--threads 2]
 *     [--python python3]
 *
 * @module
 */
import { Session } from "@vcs/onnx/session";
import { writeModel } from "@vcs/onnx";
import { type Tensor, tensor, tensorBytes } from "@vcs/transport/tensor";
import {
  FULL_NETWORK,
  SMALL_NETWORK,
  syntheticCheckpoint,
  VideoCheckpoint,
} from "@vcs/video-vq/internal";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "full" },
    frames: { type: "string", default: "128x128" },
    threads: { type: "string", default: "2" },
    runs: { type: "string", default: "2" },
    python: { type: "string", default: "python3" },
  },
});
const threads = Number(values.threads);
const runs = Number(values.runs);

/** Runs a session several times; gives the last output and the best seconds, passed and of CPU. */
async function timed(model: string, feeds: Record<string, Tensor>) {
  using session = await Session.open(model, { device: "cpu", threads });
  let [seconds, cpuSeconds] = [Infinity, Infinity];
  let out!: Tensor<"F32">;
  for (let i = 0; i < runs; i++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    out = Object.values(await session.run(feeds))[0] as Tensor<"F32">;
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    const { user, system } = process.cpuUsage(cpu);
    cpuSeconds = Math.min(cpuSeconds, (user + system) / 1e6);
  }
  return { out, seconds, cpuSeconds };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

async function readFloats(path: string): Promise<Float32Array> {
  return new Float32Array((await Deno.readFile(path)).buffer);
}

const folder = await Deno.makeTempDir();
try {
  const network = values.size === "full" ? FULL_NETWORK : SMALL_NETWORK;
  const checkpoint = `${folder}/random.safetensors`;
  await Deno.writeFile(checkpoint, syntheticCheckpoint(network));
  const [width, height] = values.frames.split("x").map(Number) as [number, number];
  const shape = [1, 3, 17, height, width];
  const frames = tensor("F32", shape);
  for (let i = 0; i < frames.data.length; i++) {
    frames.data[i] = Math.sin(i / 97) * 0.6 + Math.sin(i / 16411) * 0.4;
  }
  await Deno.writeFile(`${folder}/frames.f32`, tensorBytes(frames));
  await Deno.writeTextFile(`${folder}/frames.json`, JSON.stringify(shape));

  const script = join(import.meta.dirname!, "video-vq_torch.py");
  const { stdout } = await new Deno.Command(values.python, {
    args: [script, checkpoint, folder, "--threads", values.threads, "--runs", values.runs],
    stderr: "inherit",
  }).output();
  const theirs = JSON.parse(new TextDecoder().decode(stdout));

  using file = await VideoCheckpoint.open(checkpoint);
  const encoder = await writeModel(
    file.build("encoder", { frames: 17, height, width }),
    folder,
  );
  const encoded = await timed(encoder, { frames });
  const latent = await readFloats(`${folder}/latent.f32`);
  const quant = tensor("F32", encoded.out.shape, latent.map((value) => value > 0 ? 1 : -1));
  const decoder = await writeModel(
    file.build("decoder", { frames: 5, height: height / 8, width: width / 8 }),
    folder,
  );
  const decoded = await timed(decoder, { quant });
  const reconstruction = await readFloats(`${folder}/reconstruction.f32`);

  const flips = encoded.out.data.filter((value, i) => (value > 0) !== (latent[i]! > 0));
  const ours = ({ seconds, cpuSeconds }: { seconds: number; cpuSeconds: number }) => [
    seconds,
    cpuSeconds,
  ];
  const report = {
    network,
    frames: values.frames,
    threads,
    torch: theirs.torch,
    secondsAndCpuSeconds: {
      encode: { ours: ours(encoded), pytorch: theirs.encode },
      decode: { ours: ours(decoded), pytorch: theirs.decode },
    },
    latentDifference: largestDifference(encoded.out.data, latent),
    signsThatDiffer: flips.length,
    reconstructionDifference: largestDifference(decoded.out.data, reconstruction),
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report, null, 2) + "\n"));
} finally {
  await Deno.remove(folder, { recursive: true });
}
