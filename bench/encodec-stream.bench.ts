/**
 * EnCodec: decoding and encoding eight segments at different batch sizes and threads, time to the
 * first audio, seeking in an hour, reading a container. Beside it, `bench/encodec-stream_memory.ts`
 * measures memory over long files and the speed of PyTorch's own modules in the same run.
 */
import { type DecodeOptions, Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { type EncodeOptions, Encoder } from "@vcs/encodec-stream/encoder";
import { parseHeader } from "@vcs/encodec-stream/ecdc";
import { type ModelName, modelSpec } from "@vcs/encodec-stream/models";
import { syntheticAudio, syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { benchDevices, nameOn } from "./devices.ts";
import { fileBytes, writeFile } from "./encodec-stream_audio.ts";
import { isQuick, sized } from "./quick.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Seconds of audio in the benchmarks of speed: full segments. */
const SECONDS = sized(8, 1) * 0.99;

const CODEBOOKS = 8;

async function bytesOf(model: ModelName, seconds: number): Promise<Uint8Array> {
  return await new Response(ReadableStream.from(fileBytes(model, seconds, CODEBOOKS))).bytes();
}

async function decode(decoder: Decoder, bytes: Uint8Array | string, options: DecodeOptions) {
  await using reader = await EcdcReader.open(bytes);
  for await (const _ of decoder.decode(reader, options));
}

function audioOf(model: ModelName): Float32Array[] {
  const { channels, sampleRate } = modelSpec(model);
  const length = Math.round(SECONDS * sampleRate);
  const audio = syntheticAudio(model, length);
  return Array.from({ length: channels }, (_, c) => audio.subarray(c * length, (c + 1) * length));
}

const onDevices = (await benchDevices()).flatMap((device) =>
  device === "cpu" && !isQuick
    ? [{ device, threads: 2 }, { device, threads: 1 }]
    : [{ device, threads: 2 }]
);

for (const model of ["encodec_48khz", "encodec_24khz"] as const) {
  const weights = syntheticCheckpoint(model);
  const bytes = await bytesOf(model, SECONDS);
  const audio = audioOf(model);
  for (const { device, threads } of onDevices) {
    const settings = { weights, device, threads };
    const isBaseline = (batch: number) => batch === 8 && threads === 2 && device === "cpu";
    const decoder = await Decoder.open(model, settings);
    const encoder = await Encoder.open(model, CODEBOOKS, settings);
    const batches = threads === 1 || isQuick ? [8] : [8, 1, 0];
    for (const batch of batches) {
      Deno.bench(
        nameOn(`batch ${batch}, ${threads} threads`, device),
        {
          group: `${model}: decode ${SECONDS} s`,
          baseline: isBaseline(batch),
          n: 3,
          warmup: 1,
        },
        async () => await decode(decoder, bytes, { batch }),
      );
      if (batch === 0) continue;
      const encode = async (options: EncodeOptions) => {
        for await (const _ of encoder.encode(ReadableStream.from([audio]), options));
      };
      Deno.bench(
        nameOn(`batch ${batch}, ${threads} threads`, device),
        {
          group: `${model}: encode ${SECONDS} s`,
          baseline: isBaseline(batch),
          n: 3,
          warmup: 1,
        },
        async () => await encode({ batch }),
      );
    }
    if (threads === 1) continue;
    const first = { group: "first audio of a warm decoder", n: 8, warmup: 1 };
    Deno.bench(nameOn(model, device), first, async () => {
      await using reader = await EcdcReader.open(bytes);
      await decoder.decode(reader).next();
    });
  }
}

// Seeking: from an opened path to the first sample late in an hour.

const hour = `${folder}/hour`;
const MINUTES = sized(60, 6);
for (const model of ["encodec_48khz", "encodec_24khz"] as const) {
  const path = `${hour}.${model}`;
  await writeFile(path, model, 60 * MINUTES, CODEBOOKS);
  const decoder = await Decoder.open(model, {
    weights: syntheticCheckpoint(model),
    device: "cpu",
  });
  const minute = MINUTES * 5 / 6;
  const from = 60 * minute * decoder.spec.sampleRate + 100;
  const name = `${model}${decoder.spec.segmentation ? ", exact" : ", one second of preroll"}`;
  Deno.bench(
    name,
    { group: `seek to minute ${minute} of ${MINUTES}`, n: 6, warmup: 1 },
    async () => await decode(decoder, path, { from, to: from + 1, preroll: 1 }),
  );
}

// The container alone.

const codes = `${isQuick ? "six minutes" : "an hour"} of 48 kHz codes, 12 kbit/s`;
const body = await Deno.readFile(`${hour}.encodec_48khz`);
Deno.bench(
  "copy the bytes",
  { group: codes, baseline: true },
  () => {
    body.slice();
  },
);
Deno.bench(
  "read every code",
  { group: codes, n: 3, warmup: 1 },
  async () => {
    await using reader = await EcdcReader.open(body);
    for await (const _ of reader.blocks());
  },
);
Deno.bench("read the header", { group: codes }, () => {
  parseHeader(body);
});
