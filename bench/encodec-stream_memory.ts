/**
 * What does not fit a benchmark's form, as JSON: memory while hours of audio are decoded and
 * encoded, and speed beside PyTorch's own modules in the same run (where `python3`, or the program
 * that TORCH_PYTHON names, has torch). Minutes of audio for the memory part: `MINUTES`, 10.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc_reader";
import { Encoder } from "@vcs/encodec-stream/encoder";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";
import { syntheticAudio, syntheticCheckpoint } from "@vcs/encodec-stream/synthetic";
import { openStream } from "./encodec-stream_audio.ts";

const minutes = Number(Deno.env.get("MINUTES") ?? 10);
const options = (model: ModelName) => ({ checkpoint: syntheticCheckpoint(model), device: "cpu" });
const megabytes = () => Math.round(Deno.memoryUsage().rss / 2 ** 20);

/** Resident memory after the first minute and at its highest after that. */
async function memoryOf(blocks: AsyncIterable<{ start: number }>, rate: number) {
  let after = 0;
  let most = 0;
  let seconds = 0;
  const begin = performance.now();
  for await (const { start } of blocks) {
    seconds = start / rate;
    if (seconds < 60) after = megabytes();
    else most = Math.max(most, megabytes());
  }
  const speed = seconds / ((performance.now() - begin) / 1000);
  return { minutes: Math.round(seconds / 60), afterAMinute: after, most, speed };
}

async function decodeMemory(model: ModelName) {
  using decoder = await Decoder.open(model, options(model));
  await using reader = await openStream(model, minutes * 60, 4);
  return await memoryOf(decoder.decode(reader), decoder.spec.sampleRate);
}

/** The same second of audio, over and over. */
async function* audioOf(model: ModelName, seconds: number) {
  const { channels, sampleRate } = modelSpec(model);
  const audio = syntheticAudio(model, sampleRate);
  for (let s = 0; s < seconds; s++) {
    yield await Promise.resolve(Array.from(
      { length: channels },
      (_, c) => audio.subarray(c * sampleRate, (c + 1) * sampleRate),
    ));
  }
}

async function encodeMemory(model: ModelName) {
  using encoder = await Encoder.open(model, 4, options(model));
  const blocks = encoder.encode(audioOf(model, minutes * 60));
  return await memoryOf(blocks, encoder.spec.sampleRate);
}

/** PyTorch in a process of its own: give it a word, get milliseconds for one second of audio. */
class Torch implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #text: AsyncIterator<string>;

  constructor(model: ModelName, threads: number) {
    const script = fileURLToPath(new URL("encodec-stream_torch.py", import.meta.url));
    this.#child = new Deno.Command(Deno.env.get("TORCH_PYTHON") ?? "python3", {
      args: ["-W", "ignore", script, "serve", model, "--threads", `${threads}`],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#text = this.#child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  }

  async run(job: string): Promise<Cost> {
    await this.#writer.write(new TextEncoder().encode(`${job}\n`));
    let line = "";
    while (!line.endsWith("\n")) {
      const { value, done } = await this.#text.next();
      if (done) throw new Error("PyTorch ended");
      line += value;
    }
    const [wall = NaN, cpu = NaN] = line.split(" ").map(Number);
    return { wall, cpu };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
  }
}

const SECONDS = 7.92;

/** Milliseconds for a second of audio: on the clock, and of all processors together. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

async function cost(run: () => Promise<unknown>): Promise<Cost> {
  const begin = performance.now();
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - begin) / SECONDS, cpu: (user + system) / 1000 / SECONDS };
}

function least(costs: readonly Cost[]): Cost {
  return {
    wall: Math.min(...costs.map((c) => c.wall)),
    cpu: Math.min(...costs.map((c) => c.cpu)),
  };
}

/**
 * PyTorch's and ours in turn, so that load falls on both, and the least of each, because load only
 * ever adds. With one thread, processor time hardly depends on what else the machine does.
 */
async function compare(model: ModelName, threads: number) {
  const settings = { ...options(model), threads };
  using decoder = await Decoder.open(model, settings);
  using encoder = await Encoder.open(model, 8, settings);
  const bytes = await new Response(ReadableStream.from(await collect(model))).bytes();
  await using torch = new Torch(model, threads);
  const jobs = {
    decode: async () => {
      await using reader = await EcdcReader.open(bytes);
      for await (const _ of decoder.decode(reader));
    },
    encode: () => Array.fromAsync(encoder.encode(audioOf(model, SECONDS))),
  };
  const results: Record<string, unknown> = {};
  for (const [job, run] of Object.entries(jobs)) {
    await torch.run(job);
    await run();
    const costs = { torch: [] as Cost[], ours: [] as Cost[] };
    for (let round = 0; round < 6; round++) {
      costs.torch.push(await torch.run(job));
      costs.ours.push(await cost(run));
    }
    const [theirs, ours] = [least(costs.torch), least(costs.ours)];
    results[job] = {
      pytorchMs: theirs,
      oursMs: ours,
      timesFaster: { wall: theirs.wall / ours.wall, cpu: theirs.cpu / ours.cpu },
      realTime: 1000 / ours.wall,
    };
  }
  return { model, threads, ...results };
}

async function collect(model: ModelName): Promise<Uint8Array[]> {
  const { fileBytes } = await import("./encodec-stream_audio.ts");
  return await Array.fromAsync(fileBytes(model, SECONDS, 8));
}

async function withTorch() {
  const python = Deno.env.get("TORCH_PYTHON") ?? "python3";
  const probe = new Deno.Command(python, { args: ["-c", "import torch"], stderr: "null" });
  if (!await probe.output().then(({ success }) => success, () => false)) return null;
  return [
    await compare("encodec_48khz", 1),
    await compare("encodec_48khz", 2),
    await compare("encodec_24khz", 2),
  ];
}

const only = Deno.args[0];
const report = {
  ...(only !== "memory" && { pytorch: await withTorch() }),
  ...(only !== "pytorch" && {
    memoryInMegabytes: {
      decode48: await decodeMemory("encodec_48khz"),
      decode24: await decodeMemory("encodec_24khz"),
      encode48: await encodeMemory("encodec_48khz"),
      encode24: await encodeMemory("encodec_24khz"),
    },
  }),
};
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`));
