// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Packs an audio file for a slow line, and says how it fares:
 *
 *     deno run -A examples/encodec-stream.ts speech.flac speech.ecdc copy.wav
 *
 * Takes EnCodec's weights where they are on the machine, else the small bundled model.
 */
import { Decoder, EcdcReader, EcdcWriter, Encoder, fileSink } from "@vcs/encodec-stream";
import { encodeWav, openAudio } from "@vcs/media";

const CODEBOOKS = 4;

/** Encodes a file of audio as it is read, and gives its length in seconds. */
async function pack(path: string, target: string): Promise<number> {
  using encoder = await Encoder.open(undefined, CODEBOOKS);
  const { name, sampleRate, channels } = encoder.spec;
  await using audio = await openAudio(path, { sampleRate, channels });
  await using sink = await fileSink(target);
  const writer = new EcdcWriter(sink, { model: name, codebooks: CODEBOOKS, title: path });
  let samples = 0;
  for await (const block of encoder.encode(audio)) {
    await writer.write(block);
    samples = block.start + block.samples;
  }
  await writer.close(samples);
  return samples / sampleRate;
}

/** Decodes a file into a WAV file. */
async function unpack(path: string, target: string): Promise<void> {
  await using reader = await EcdcReader.open(path);
  using decoder = await Decoder.open(reader.header.model);
  const blocks = await Array.fromAsync(decoder.decode(reader));
  const join = (channel: number) => blocks.flatMap(({ channels }) => [...channels[channel]!]);
  const channels = decoder.spec.channels === 1 ? [0] : [0, 1];
  const samples = channels.map((channel) => Float32Array.from(join(channel)));
  await Deno.writeFile(target, encodeWav(samples, { sampleRate: decoder.spec.sampleRate }));
}

const [path = "speech.flac", packed = "speech.ecdc", copy = "copy.wav"] = Deno.args;
const seconds = await pack(path, packed);
await unpack(packed, copy);
const [before, after] = [(await Deno.stat(path)).size, (await Deno.stat(packed)).size];
console.log(`${seconds.toFixed(1)} s: ${before} bytes became ${after}`);
console.log(`${(8 * after / seconds / 1000).toFixed(1)} kbit/s; decoded into ${copy}`);
