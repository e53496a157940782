import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { MediaError } from "@vcs/media/errors";
import { encodeWav, openWav, type PcmFormat, wavHeader, wavWriter } from "@vcs/media/wav";

/** A stream of the bytes in pieces. */
function pieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(bytes.slice(at, at + size));
      }
      controller.close();
    },
  });
}

async function readAll(bytes: Uint8Array, size = 7): Promise<{ channels: number[][] }> {
  const wav = await openWav(pieces(bytes, size));
  const channels: number[][] = Array.from({ length: wav.channels }, () => []);
  for await (const chunk of wav.chunks) {
    for (const [i, samples] of chunk.entries()) channels[i]!.push(...samples);
  }
  return { ...wav, channels };
}

const LEFT = [0, 0.5, -0.5, 0.25, -1];
const RIGHT = [0.125, -0.125, 0, 0.75, 0.999];

const STEPS: Record<PcmFormat, number> = {
  u8: 1 / 64,
  s16: 1 / 16384,
  s24: 1 / 4194304,
  s32: 1 / 4194304,
  f32: 0,
  f64: 0,
};

for (const [format, step] of Object.entries(STEPS) as [PcmFormat, number][]) {
  Deno.test(`encodeWav() and openWav() keep samples as ${format}`, async () => {
    const input = [Float32Array.from(LEFT), Float32Array.from(RIGHT)];
    for (const size of [1, 3, 4096]) {
      const read = await readAll(encodeWav(input, { sampleRate: 44100, format }), size);
      for (const [channel, samples] of input.entries()) {
        assert.equal(read.channels[channel]!.length, samples.length);
        for (const [i, sample] of samples.entries()) {
          assert(Math.abs(read.channels[channel]![i]! - sample) <= step, `${format} ${i}`);
        }
      }
    }
  });
}

Deno.test("encodeWav() limits and rounds as documented", async () => {
  const file = encodeWav([Float32Array.from([2, -2, 0.5])], { sampleRate: 8000 });
  const view = new DataView(file.buffer, 44);
  assert.deepEqual([0, 2, 4].map((at) => view.getInt16(at, true)), [32767, -32767, 16384]);
  assert.equal((await openWav(pieces(file, 5))).length, 3);
});

Deno.test("openWav() reads live files, whose header leaves the length open", async () => {
  const samples = Float32Array.from(LEFT);
  const parts: Uint8Array[] = [];
  const source = ReadableStream.from([[samples], [samples]]);
  const writer = wavWriter({ sampleRate: 48000, format: "f32" }, 1);
  for await (const part of source.pipeThrough(writer)) parts.push(part);
  const file = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  assert.equal((await openWav(pieces(file, 9))).length, undefined);
  assert.deepEqual((await readAll(file)).channels, [[...LEFT, ...LEFT]]);
});

Deno.test("openWav() ends early where the file is cut off", async () => {
  const file = encodeWav([Float32Array.from(LEFT)], { sampleRate: 48000, format: "f32" });
  assert.deepEqual((await readAll(file.subarray(0, 44 + 10))).channels, [LEFT.slice(0, 2)]);
});

Deno.test("openWav() walks over other chunks, odd ones too", async () => {
  const file = encodeWav([Float32Array.from(LEFT)], { sampleRate: 48000, format: "f32" });
  const extra = [...new TextEncoder().encode("LIST"), 3, 0, 0, 0, 1, 2, 3, 0];
  const longer = Uint8Array.from([...file.subarray(0, 12), ...extra, ...file.subarray(12)]);
  assert.deepEqual((await readAll(longer)).channels, [LEFT]);
});

Deno.test("openWav() refuses what it cannot read, with a code", async (t) => {
  const good = encodeWav([Float32Array.from(LEFT)], { sampleRate: 48000 });
  const edited = (at: number, ...values: number[]) => {
    const copy = good.slice();
    copy.set(values, at);
    return copy;
  };
  const cases: [string, Uint8Array, RegExp][] = [
    ["no RIFF", edited(0, 0), /does not start with RIFF and WAVE/],
    ["nothing", new Uint8Array(), /does not start with RIFF and WAVE/],
    ["only a header", good.subarray(0, 12), /it has no samples/],
    ["a short format chunk", edited(16, 8), /its format chunk has 8 bytes/],
    ["a compressed format", edited(20, 85), /samples of format 85 with 16 bits/],
    ["no channels", edited(22, 0), /0 channels at 48000 Hz/],
    ["blocks of the wrong size", edited(32, 3), /in blocks of 3 bytes/],
    [
      "a chunk without end",
      edited(12, 0x78, 0x78, 0x78, 0x78, 0, 0, 0, 0x40),
      /of 1073741824 bytes/,
    ],
    ["samples before their format", edited(12, 0x64, 0x61, 0x74, 0x61), /before their format/],
  ];
  for (const [name, bytes, message] of cases) {
    await t.step(name, async () => {
      await assert.rejects(openWav(pieces(bytes, 11)), (error) => {
        assert(error instanceof MediaError);
        const forFfmpeg = /format 85|blocks of 3|bytes before|before their/.test(error.message);
        assert.equal(error.code, forFfmpeg ? "unsupported" : "invalid-media");
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

/** A WAV file of 24 bits in 32, from whole numbers in either place. */
function paddedWav(values: number[]): Uint8Array<ArrayBuffer> {
  const bytes = encodeWav([new Float32Array(values.length)], { sampleRate: 8000, format: "s32" });
  const view = new DataView(bytes.buffer);
  view.setUint16(34, 24, true);
  for (const [i, value] of values.entries()) view.setInt32(44 + 4 * i, value, true);
  return bytes;
}

Deno.test("openWav() reads 24 bits in 32, in the upper or the lower bytes", async () => {
  const values = [0, 4194304, -4194304, 2097153];
  const expected = values.map((value) => value / 2 ** 23).map(Math.fround);
  for (const scale of [1, 256]) {
    const { channels } = await readAll(paddedWav(values.map((value) => value * scale)), 4096);
    assert.deepEqual(channels, [expected]);
  }
});

Deno.test("openWav() reads nothing where there is nothing, though text follows", async () => {
  const file = encodeWav([new Float32Array(0)], { sampleRate: 8000 });
  const text = [...new TextEncoder().encode("LIST"), 8, 0, 0, 0, ...new Uint8Array(8).fill(65)];
  const longer = Uint8Array.from([...file, ...text]);
  assert.ok((await readAll(longer)).channels[0]!.length > 0);
  new DataView(longer.buffer).setUint32(4, longer.length - 8, true);
  assert.deepEqual((await readAll(longer)).channels, [[]]);
});

Deno.test("openWav() survives damaged files", async () => {
  const good = encodeWav([Float32Array.from(LEFT), Float32Array.from(RIGHT)], {
    sampleRate: 48000,
  });
  for (const bytes of mutations(good, 2000)) {
    try {
      const { channels } = await readAll(bytes, 4096);
      assert(channels.every((samples) => samples.length <= bytes.length));
    } catch (error) {
      assert(error instanceof MediaError, String(error));
    }
  }
});

Deno.test("wavHeader() and wavWriter() refuse what does not fit", async () => {
  assert.throws(() => wavHeader({ sampleRate: 0 }, 1), RangeError);
  assert.throws(() => wavHeader({ sampleRate: 48000 }, 70000), RangeError);
  const uneven = [Float32Array.from(LEFT), Float32Array.from([0])];
  assert.throws(() => encodeWav(uneven, { sampleRate: 1 }), /must have one length, found 5,1/);
  const source = ReadableStream.from([[new Float32Array(1)]]);
  const written = source.pipeThrough(wavWriter({ sampleRate: 8000 }, 2));
  await assert.rejects(Array.fromAsync(written), /2 channels expected, found 1/);
});
