/**
 * Our side of a comparison, served line by line as `peers.py` serves the others: `ours.ts PART JSON`.
 */
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { Encoder } from "@vcs/encodec-stream/encoder";
import { syntheticAudio, syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";
import { VideoReader, type VideoReaderOptions } from "@vcs/media/video_reader";
import { readNpy } from "@vcs/transport/npy";
import { readNpz } from "@vcs/transport/npz";
import { encodeSafetensors, SafetensorsReader } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { openRandomClip } from "../clip-drift_model.ts";
import { fileBytes } from "../encodec-stream_audio.ts";
import { channel, COUNT } from "../transport_jobs.ts";
import type { Given } from "./parts.ts";

type Jobs = Record<string, () => Promise<unknown>>;

interface Reading extends VideoReaderOptions {
  readonly lend?: boolean;
}

async function film(given: Given, numbers?: readonly number[], reading: Reading = {}) {
  const { lend = false, ...options } = reading;
  const video = await VideoReader.open(given.film, { indexCacheSize: 0, ...options });
  await using _ = video;
  for await (const _ of numbers ? video.framesAt(numbers) : video.frames({ lend }));
}

function media(given: Given): Jobs {
  const size = { width: 224, height: 224 };
  return {
    dense: () => film(given),
    lent: () => film(given, undefined, { lend: true }),
    sixteen: () => film(given, given.sixteen),
    random: () => film(given, given.random),
    small: () => film(given, undefined, { size }),
  };
}

const CODECS = { "48 kHz": "encodec_48khz", "24 kHz": "encodec_24khz" } as const;

async function codec(name: keyof typeof CODECS, given: Given): Promise<Jobs> {
  const model: ModelName = CODECS[name];
  const { channels, sampleRate } = modelSpec(model);
  const codebooks = given.codebooks[name];
  const settings = { weights: syntheticCheckpoint(model), device: "cpu", threads: given.threads };
  const [decoder, encoder] = [
    await Decoder.open(model, settings),
    await Encoder.open(model, codebooks, settings),
  ];
  const file = ReadableStream.from(fileBytes(model, given.seconds, codebooks));
  const bytes = await new Response(file).bytes();
  const length = given.seconds * sampleRate;
  const samples = syntheticAudio(model, length);
  const audio = Array.from(
    { length: channels },
    (_, c) => samples.subarray(c * length, (c + 1) * length),
  );
  return {
    [`decode ${name}`]: async () => {
      await using reader = await EcdcReader.open(bytes);
      for await (const _ of decoder.decode(reader, { batch: 8 }));
    },
    [`encode ${name}`]: async () => {
      for await (const _ of encoder.encode(ReadableStream.from([audio]), { batch: 8 }));
    },
  };
}

async function sound(given: Given): Promise<Jobs> {
  return { ...await codec("48 kHz", given), ...await codec("24 kHz", given) };
}

async function pictures(given: Given, precision: "fp32" | "int8"): Promise<Jobs> {
  const { threads, folder } = given;
  const session = await openRandomClip(folder, precision, { device: "cpu", threads });
  const job = (n: number) => {
    const pixels = tensor("U8", [n, 224, 224, 3]);
    return async () => void await session.run({ pixels });
  };
  return { "1 images": job(1), "8 images": job(8) };
}

async function formats({ npz, npy, safetensors, folder }: Given): Promise<Jobs> {
  const [big] = await readAll(safetensors);
  const written = `${folder}/ours.safetensors`;
  return {
    "npz of 20,000 members": () => readNpz(npz),
    "npy of 64 MB": async () => readNpy(await Deno.readFile(npy)),
    "safetensors of 64 MB, read": () => readAll(safetensors),
    "safetensors of 64 MB, written": () =>
      Deno.writeFile(written, encodeSafetensors({ big: big! })),
  };
}

async function readAll(path: string) {
  using reader = await SafetensorsReader.open(path);
  return await Promise.all([...reader.names].map((name) => reader.read(name)));
}

/** Two hundred messages through one channel, one batch of each size. */
async function channels({ sizes }: Given, receiver: string, sender = receiver): Promise<Jobs> {
  const send = await channel(receiver, sender);
  const job = (size: number) => () => send(new Uint8Array(size));
  return Object.fromEntries(sizes.map((size) => [`${COUNT} of ${size} bytes`, job(size)]));
}

/** All that `parts.ts` calls ours. */
const OURS: Record<string, (given: Given) => Jobs | Promise<Jobs>> = {
  media,
  sound,
  pictures: (given) => pictures(given, "fp32"),
  "pictures, int8": (given) => pictures(given, "int8"),
  formats,
  "tcp:": (given) => channels(given, `tcp://127.0.0.1:${given.port + 2}?credits=16`),
  "zmq+push:": (given) =>
    channels(
      given,
      `zmq+pull://127.0.0.1:${given.port + 3}`,
      `zmq+push://127.0.0.1:${given.port + 3}`,
    ),
  "redis:": (given) => channels(given, `${given.redis}?limit=16`),
  "nats:": (given) => channels(given, `${given.nats}?limit=16`),
};

const [name, text] = Deno.args as [string, string];
const jobs = await OURS[name]!(JSON.parse(text));
const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
print(JSON.stringify({ version: `Deno ${Deno.version.deno}` }));
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of lines) {
  const start = performance.now();
  await jobs[line.trim()]!();
  print(`${performance.now() - start}`);
}
Deno.exit();
