import assert from "node:assert/strict";
import { packCodes } from "./container/bits.ts";
import { Decoder } from "./decoder.ts";
import { EcdcReader } from "./container/reader.ts";
import { formatHeader, parseHeader } from "./container/header.ts";
import { TINY_MODEL } from "./models.ts";
import { playback, type PlaybackOptions, playedRange } from "./playback.ts";
import { syntheticCheckpoint } from "./network/synthetic.ts";

const model = "encodec_48khz";

/** A file of `seconds` at some PCM rate. */
async function makeFile(seconds: number, sampleRate: number): Promise<Uint8Array> {
  const samples = seconds * sampleRate;
  const parts: Uint8Array<ArrayBuffer>[] = [
    formatHeader({ model, samples, codebooks: 2, sampleRate }),
  ];
  for (let start = 0; start < samples; start += 47520) {
    const frames = Math.ceil(Math.min(48000, samples - start) / 320);
    const codes = Uint16Array.from({ length: 2 * frames }, (_, i) => (i * 37 + start) % 1024);
    parts.push(Uint8Array.of(0x3e, 0, 0, 0), packCodes(codes));
  }
  return await new Blob(parts).bytes();
}

async function play(decoder: Decoder, source: Uint8Array | string, options: PlaybackOptions = {}) {
  await using reader = await EcdcReader.open(source);
  const parts: number[][] = [];
  for await (const { channels } of playback(decoder, reader, options)) {
    channels.forEach((c, i) => (parts[i] ??= []).push(...c));
  }
  return parts;
}

/** A server of one file that counts ranges and the bytes sent for them. */
function serve(bytes: Uint8Array) {
  const ranges: (string | null)[] = [];
  const server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    const range = request.headers.get("range");
    ranges.push(range);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (from === undefined) return new Response(bytes.slice());
    const part = bytes.slice(Number(from), Number(to) + 1);
    counts.sent += part.length;
    const headers = { "content-range": `bytes ${from}-${to}/${bytes.length}` };
    return new Response(part, { status: 206, headers });
  });
  const counts = {
    sent: 0,
    ranges,
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return counts;
}

Deno.test("playback", async (t) => {
  using decoder = await Decoder.open(model, {
    weights: syntheticCheckpoint(model),
    device: "cpu",
  });

  await t.step("any part has the samples that it has in the whole, at any PCM rate", async () => {
    for (const rate of [48000, 56000, 47999, 96000]) {
      const bytes = await makeFile(2, rate);
      const whole = await play(decoder, bytes);
      assert.deepEqual(whole.map((c) => c.length), [96000, 96000]);
      const header = parseHeader(bytes);
      for (const [from, to] of [[0.25, 0.3], [0.99, 1.01], [1.4, 9], [0.701, 0.80001]] as const) {
        const part = await play(decoder, bytes, { from, to });
        const { start, end } = playedRange(header, { from, to });
        assert.equal(start, from * 48000);
        const wanted = whole.map((c) => c.slice(start, end));
        assert.deepEqual(part, wanted, `${rate} Hz from ${from} to ${to}`);
      }
    }
  });

  await t.step("other rates and one channel can be had", async () => {
    const bytes = await makeFile(1, 48000);
    const [mono, ...none] = await play(decoder, bytes, { rate: 16000, channels: 1 });
    assert.deepEqual([mono!.length, none.length], [16000, 0]);
    assert.equal(playedRange({ samples: 48000, rate: 48000 }, { rate: 44100 }).end, 44100);
  });

  await t.step("seeking in a URL takes one request for the bytes of the segments", async () => {
    const bytes = await makeFile(600, 48000);
    await using server = serve(bytes);
    const range = { from: 500.3, to: 501.1 };
    assert.deepEqual(await play(decoder, server.url, range), await play(decoder, bytes, range));
    assert.equal(server.ranges.length, 2);
    assert.equal(server.sent, 2 * 379);
  });
});

Deno.test("seeking in a 24 kHz URL with preroll takes one request, for both runs", async () => {
  using decoder = await Decoder.open(TINY_MODEL, { device: "cpu", threads: 1 });
  const samples = 600 * 24000;
  const codes = Uint8Array.from({ length: samples / 320 * 20 / 8 }, (_, i) => i * 37);
  const header = formatHeader({ model: TINY_MODEL, samples, codebooks: 2 });
  const bytes = await new Blob([header, codes]).bytes();
  await using server = serve(bytes);
  const range = { from: 500, to: 503, preroll: 2 };
  const [left] = await play(decoder, server.url, range);
  assert.equal(left!.length, 3 * 48000);
  assert.deepEqual([left], (await play(decoder, bytes, range)).slice(0, 1));
  assert.equal(server.ranges.length, 2);
  assert.ok(server.sent < 6 * 187.5, `${server.sent} bytes`);
});

Deno.test("numbers out of range are refused, and so are another model's codes", async () => {
  using decoder = await Decoder.open(TINY_MODEL, { device: "cpu" });
  const file = await makeFile(1, 48000);
  for (
    const options of [
      ...[NaN, -1, Infinity].map((from) => ({ from })),
      ...[NaN, -1].map((to) => ({ to })),
      ...[NaN, 0, -48000, 44100.5, Infinity].map((rate) => ({ rate })),
      ...[0, 3, NaN].map((channels) => ({ channels: channels as 1 })),
    ]
  ) {
    await assert.rejects(play(decoder, file, options), {
      name: "RangeError",
      message: /^Cannot play: (from|to|rate|channels) is .*, expected/,
    });
  }
  await assert.rejects(play(decoder, file), {
    code: "unsupported",
    message: "Cannot decode codes of encodec_48khz: the decoder is that of encodec_tiny_24khz",
  });
});
