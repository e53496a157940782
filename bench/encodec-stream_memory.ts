/**
 * What does not fit a benchmark's form, as JSON: speed beside PyTorch's own modules in the same run
 * (where `python3`, or the program that TORCH_PYTHON names, has torch), speed over minutes of audio,
 * and memory while hours are decoded and encoded (`MINUTES`, 10).
 *
 *   deno run -A bench/encodec-stream_memory.ts [pytorch | speed | memory [JOB…]]
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { Encoder } from "@vcs/encodec-stream/encoder";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";
import { syntheticAudio, syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { untilAborted } from "@vcs/transport/internal";
import { openStream } from "./encodec-stream_audio.ts";

const minutes = Number(Deno.env.get("MINUTES") ?? 10);
const options = (model: ModelName) => ({ weights: syntheticCheckpoint(model), device: "cpu" });
const megabytes = () => Math.round(Deno.memoryUsage().rss / 2 ** 20);

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

/** Gives what is decoded or encoded, by the number of its first sample, after a first 0 when ready. */
type Job = (minutes: number) => AsyncGenerator<{ start: number; rate: number }>;

function decoding(model: ModelName): Job {
  return async function* (minutes) {
    using decoder = await Decoder.open(model, options(model));
    await using reader = await openStream(model, minutes * 60, 4);
    const rate = decoder.spec.sampleRate;
    yield { start: 0, rate };
    for await (const { start } of decoder.decode(reader)) yield { start, rate };
  };
}

function encoding(model: ModelName): Job {
  return async function* (minutes) {
    using encoder = await Encoder.open(model, 4, options(model));
    const rate = encoder.spec.sampleRate;
    // As the command does it, which ends at an interrupt.
    const audio = untilAborted(audioOf(model, minutes * 60), new AbortController().signal);
    const blocks = encoder.encode(audio);
    yield { start: 0, rate };
    for await (const { start } of blocks) yield { start, rate };
  };
}

const JOBS: { readonly [name: string]: Job } = {
  decode48: decoding("encodec_48khz"),
  decode24: decoding("encodec_24khz"),
  encode48: encoding("encodec_48khz"),
  encode24: encoding("encodec_24khz"),
};

/** Resident memory after the first minute and at its highest after that. */
async function memoryOf(job: Job) {
  let [after, most, seconds] = [0, 0, 0];
  for await (const { start, rate } of job(minutes)) {
    seconds = start / rate;
    if (seconds < 60) after = megabytes();
    else most = Math.max(most, megabytes());
  }
  return { minutes: Math.round(seconds / 60), afterAMinute: after, most };
}

/** Minutes of audio that speed is measured over. */
const SPEED_MINUTES = 2;

/** Times real time, the best of three runs. */
async function speedOf(job: Job) {
  let best = 0;
  for (let round = 0; round < 3; round++) {
    let begin = 0;
    for await (const _ of job(SPEED_MINUTES)) begin ||= performance.now();
    best = Math.max(best, SPEED_MINUTES * 60 / ((performance.now() - begin) / 1000));
  }
  return { minutes: SPEED_MINUTES, speed: best };
}

async function each<R>(names: readonly string[], measure: (job: Job) => Promise<R>) {
  const results: Record<string, R> = {};
  for (const name of names) results[name] = await measure(JOBS[name]!);
  return results;
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

const [only, ...chosen] = Deno.args;
const jobs = chosen.length > 0 ? chosen : Object.keys(JOBS);
const wanted = (part: string) => only === undefined || only === part;
const report = {
  ...(wanted("pytorch") && { pytorch: await withTorch() }),
  ...(wanted("speed") && { speed: await each(jobs, speedOf) }),
  ...(wanted("memory") && { memoryInMegabytes: await each(jobs, memoryOf) }),
};
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`));
