/** Writes WAV files and reads them. */
import { encodeWav, openWav } from "@vcs/media/wav";
import { digest, type Entry, noise, same } from "./check.ts";

const run: Entry = async () => {
  const samples = Float32Array.from(noise(50_000, 3), (value) => value / 128 - 1);
  const reports: unknown[] = [];
  for (const format of ["s16", "f32"] as const) {
    const bytes = encodeWav([samples, samples], { sampleRate: 24000, format });
    const wav = await openWav(new Blob([bytes]).stream());
    const read: number[] = [];
    for await (const [left] of wav.chunks) read.push(...left!);
    same(read.length, samples.length, "samples");
    same(read[12_345], samples[12_345], "a sample");
    reports.push({ rate: wav.sampleRate, digest: await digest(bytes) });
  }
  return reports;
};

export default run;
