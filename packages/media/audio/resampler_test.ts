import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { listeningFilter, resample, Resampler } from "@vcs/media";

/** The filter as torchaudio writes it: all taps of all phases, zero padding, no shortcut. */
function reference(input: Float32Array, rateFrom: number, rateTo: number): number[] {
  const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b);
  const [from, to] = [rateFrom / gcd(rateFrom, rateTo), rateTo / gcd(rateFrom, rateTo)];
  const cutoff = Math.min(from, to) * 0.99;
  const width = Math.ceil(6 * from / cutoff);
  return Array.from({ length: Math.ceil(to * input.length / from) }, (_, m) => {
    const [block, phase] = [Math.floor(m / to), m % to];
    let sum = 0;
    for (let i = -width; i < width + from; i++) {
      const t = Math.max(-6, Math.min(6, (i / from - phase / to) * cutoff));
      const window = Math.cos(t * Math.PI / 12) ** 2;
      const sinc = t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI);
      sum += (input[block * from + i] ?? 0) * Math.fround(sinc * window * cutoff / from);
    }
    return sum;
  });
}

function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  const next = random(seed);
  return Float32Array.from({ length }, () => next() * 2 - 1);
}

for (const [from, to] of [[48000, 24000], [44100, 24000], [24000, 48000], [44100, 48000], [7, 5]]) {
  Deno.test(`resample() from ${from} to ${to} Hz is the torchaudio filter`, () => {
    const input = noise(1237, from! + to!);
    const expected = reference(input, from!, to!);
    const [output] = resample([input], from!, to!);
    assert.equal(output!.length, expected.length);
    for (const [i, value] of expected.entries()) assert(Math.abs(output![i]! - value) < 1e-6);
  });
}

Deno.test("Resampler() gives the same samples in pieces of any size", () => {
  const channels = [noise(5000, 1), noise(5000, 2)];
  const [left, right] = resample(channels, 44100, 24000);
  const next = random(3);
  const resampler = new Resampler(44100, 24000, 2);
  const pieces: Float32Array[][] = [];
  for (let at = 0; at < 5000;) {
    const end = Math.min(5000, at + Math.floor(next() * 400));
    pieces.push(resampler.push(channels.map((samples) => samples.subarray(at, end))));
    at = end;
  }
  pieces.push(resampler.flush());
  assert.deepEqual(pieces.flatMap(([samples]) => [...samples!]), [...left!]);
  assert.deepEqual(pieces.flatMap(([, samples]) => [...samples!]), [...right!]);
});

Deno.test("Resampler() passes audio of the right rate through", () => {
  const input = noise(100, 4);
  assert.deepEqual(resample([input], 24000, 24000), [input]);
});

Deno.test("Resampler() refuses rates and channels that are not whole numbers above zero", () => {
  assert.throws(() => new Resampler(0, 24000, 1), /from must be a whole number above 0, found 0/);
  assert.throws(() => new Resampler(1, 0.5, 1), /to must be a whole number above 0, found 0.5/);
  assert.throws(() => new Resampler(1, 1, 0), RangeError);
  assert.throws(() => new Resampler(2, 1, 2).push([new Float32Array(3)]), RangeError);
  const uneven = [new Float32Array(3), new Float32Array(2)];
  assert.throws(() => new Resampler(2, 1, 2).push(uneven), /found \[3,2\]/);
});

Deno.test("Resampler() refuses rates whose filter would take for ever", () => {
  assert.throws(() => new Resampler(4_294_967_291, 24000, 1), /by a factor of up to 256/);
  assert.throws(() => new Resampler(1, 48000, 1), RangeError);
  assert.throws(() => new Resampler(1_000_003, 24000, 1), /expected 4194304/);
  new Resampler(192_000, 8001, 1);
  new Resampler(4_294_967_291, 4_294_967_291, 1);
});

/** Level of a frequency in a signal, in dB, by its product with a Hann-windowed tone. */
function level(signal: Float32Array, frequency: number, rate: number): number {
  let [re, im, sum] = [0, 0, 0];
  signal.forEach((value, i) => {
    const window = Math.sin(Math.PI * i / signal.length) ** 2;
    const phase = 2 * Math.PI * frequency * i / rate;
    re += value * window * Math.cos(phase);
    im += value * window * Math.sin(phase);
    sum += window;
  });
  return 20 * Math.log10(2 * Math.hypot(re, im) / sum);
}

Deno.test("the Kaiser filter has no images, and the passband is flat", () => {
  const tone = (frequency: number) =>
    Float32Array.from({ length: 6000 }, (_, i) => Math.sin(2 * Math.PI * frequency * i / 24000));
  const levels = (filter: "hann" | "kaiser", frequency: number) => {
    const resampler = new Resampler(24000, 48000, 1, filter);
    const output = resampler.push([tone(frequency)])[0]!.subarray(1000, 11_000);
    return [frequency, 24000 - frequency].map((f) => level(output, f, 48000));
  };
  for (const frequency of [1000, 5000, 9000, 10_500]) {
    const [passed, image] = levels("kaiser", frequency) as [number, number];
    assert.ok(Math.abs(passed) < 0.05, `${frequency} Hz at ${passed} dB`);
    assert.ok(image < -90, `the image of ${frequency} Hz at ${image} dB`);
  }
  assert.ok(levels("hann", 10_500)[1]! > -40);
});

Deno.test("listeningFilter() is the one that the rates allow", () => {
  assert.equal(listeningFilter(24000, 48000), "kaiser");
  assert.equal(listeningFilter(63_997, 48_000), "hann");
  assert.throws(() => new Resampler(63_997, 48_000, 1, "kaiser"), /filter taps/);
});

for (const filter of ["hann", "kaiser"] as const) {
  Deno.test(`an output of the ${filter} filter depends on no input beyond its reach`, () => {
    for (const [from, to] of [[24000, 48000], [64000, 48000], [16000, 48000]] as const) {
      const impulse = new Float32Array(2000);
      impulse[1000] = 1;
      const resampler = new Resampler(from, to, 1, filter);
      const output = [...resampler.push([impulse])[0]!, ...resampler.flush()[0]!];
      const heard = output.flatMap((value, i) => value === 0 ? [] : [i * from / to - 1000]);
      assert.ok(Math.max(...heard.map(Math.abs)) <= resampler.reach);
    }
  });
}
