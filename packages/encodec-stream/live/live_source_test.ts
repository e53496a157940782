import { memoryChannel } from "@vcs/transport/channel";
import { type Message, message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import type { CodeBlock } from "../container/reader.ts";
import { EcdcError } from "../errors.ts";
import { blockMessage, messageBlock } from "./block_message.ts";
import { LiveSender } from "./live_sender.ts";
import { LiveSource } from "./live_source.ts";

const HEADER_48 = { model: "encodec_48khz", codebooks: 2, sampleRate: 48000 } as const;
const HEADER_24 = { model: "encodec_24khz", codebooks: 2, sampleRate: 24000 } as const;

/** Segment k of 48 kHz audio, or a shorter last one. */
function segment(index: number, samples = 48000): CodeBlock {
  const frames = Math.ceil(samples / 320);
  const codes = new Uint16Array(frames * 2).fill(index + 1);
  return { index, start: index * 47520, samples, frames, scale: 0.5, codes };
}

/** Frames of 24 kHz audio. */
function chunk(index: number, frames: number, samples = frames * 320): CodeBlock {
  const codes = new Uint16Array(frames * 2).fill(index + 1);
  return { index, start: index * 320, samples, frames, scale: undefined, codes };
}

/** Messages that a sender makes of blocks. */
async function sentOf(
  blocks: CodeBlock[],
  header: typeof HEADER_48 | typeof HEADER_24,
): Promise<Message[]> {
  const { sender, receiver } = memoryChannel(20);
  const sending = new LiveSender(sender, header, { now: () => 5000 }).run(
    ReadableStream.from(blocks),
  );
  const messages = await Array.fromAsync(receiver);
  await sending;
  return messages;
}

/** What a receiver makes of messages. */
async function received(messages: Message[]) {
  const source = await LiveSource.open(ReadableStream.from(messages), () => 5250);
  return { source, blocks: await Array.fromAsync(source.blocks()) };
}

const starts = (blocks: CodeBlock[]) => blocks.map(({ start, isLost }) => isLost ? -start : start);

Deno.test("live: segments and frames come out as they went in, and the last one is short", async () => {
  for (
    const [header, blocks] of [
      [HEADER_48, [segment(0), segment(1), segment(2, 12_345)]],
      [HEADER_24, [chunk(0, 8), chunk(8, 76), chunk(84, 3, 900)]],
    ] as const
  ) {
    const { source, blocks: out } = await received(await sentOf([...blocks], header));
    assert.deepEqual(out, blocks);
    const { received: count, lost, streams, latency } = source.statistics;
    assert.deepEqual([count, lost, streams], [3, 0, 1]);
    const fill = header === HEADER_48 ? 1 : 8 / 75;
    assert.deepEqual([latency.fill, latency.transfer], [fill, 0.25]);
  }
});

Deno.test("live: lost, damaged, repeated and late blocks are counted, and what is lost is a gap", async () => {
  const messages = await sentOf([0, 1, 2, 3, 4, 5].map((k) => segment(k)), HEADER_48);
  const damaged = { ...messages[4]!, payload: messages[4]!.payload.slice(0, 200) };
  const link = [0, 3, 2, 3, 4, 5, 6].map((i) => i === 4 ? damaged : messages[i]!);
  const { source, blocks } = await received(link);
  assert.deepEqual(starts(blocks), [0, -47520, -2 * 47520, 3 * 47520, -4 * 47520, 5 * 47520]);
  const { lost, lostSeconds, damaged: bad, late } = source.statistics;
  assert.deepEqual([lost, lostSeconds, bad, late], [3, 3 * 0.99, 1, 2]);
});

Deno.test("live: at 24 kHz a gap is one lost block, also before the end, and at most ten seconds", async () => {
  const messages = await sentOf(
    [chunk(0, 8), chunk(8, 76), chunk(84, 76), chunk(160, 9)],
    HEADER_24,
  );
  const { blocks } = await received([0, 2, 4].map((i) => messages[i]!));
  assert.deepEqual(starts(blocks), [0, -8 * 320, 84 * 320, -160 * 320]);
  assert.deepEqual(blocks.map(({ frames }) => frames), [8, 76, 76, 9]);
  const far = await received([
    messages[0]!,
    { ...messages[3]!, sequence: 900, pts: 3600 + 4 / 75 },
  ]);
  assert.deepEqual(far.blocks.map(({ frames }) => frames), [8, 750, 9]);
  assert.equal(far.source.statistics.lost, 899);
});

Deno.test("live: a sender that comes back goes on behind a short silence; another kind is refused", async () => {
  const first = await sentOf([chunk(0, 8), chunk(8, 76)], HEADER_24);
  const second = await sentOf([chunk(0, 8), chunk(8, 4)], HEADER_24);
  const { source, blocks } = await received([...first.slice(0, 2), ...second]);
  assert.deepEqual(starts(blocks), [0, 8 * 320, -84 * 320, 85 * 320, 93 * 320]);
  assert.deepEqual([source.statistics.streams, source.statistics.lost], [2, 0]);
  const other = await sentOf([segment(0)], HEADER_48);
  await assert.rejects(
    received([...first.slice(0, 1), ...other]),
    /Cannot play on: found encodec_48/,
  );
});

Deno.test("live: two senders on one channel are not heard in turn", async () => {
  const [first, second] = [
    await sentOf([0, 1, 2, 3].map((k) => segment(k)), HEADER_48),
    await sentOf([10, 11, 12, 13].map((k) => segment(k)), HEADER_48),
  ];
  const { sender, receiver } = memoryChannel(20);
  // The one that began last goes on, beyond the other's end.
  const turns = first.flatMap((one, i) => [one, second[i]!]);
  for (const message of turns) await sender.send(message);
  let now = 5250;
  const source = await LiveSource.open(receiver, () => now);
  const blocks = await Array.fromAsync(source.blocks());
  const heard = blocks.filter(({ isLost }) => !isLost).map(({ codes }) => codes[0]);
  assert.deepEqual(heard, [1, 11, 12, 13, 14]);
  assert.deepEqual([source.statistics.foreign, source.statistics.streams], [4, 2]);
  // One that fell silent is replaced by what comes, though it does not begin.
  const late = ReadableStream.from(async function* () {
    yield* first.slice(0, 2);
    yield second[1]!;
    now += 3000;
    yield* second.slice(2);
  }());
  const again = await LiveSource.open(late, () => now);
  await Array.fromAsync(again.blocks());
  assert.deepEqual([again.statistics.foreign, again.statistics.received], [1, 4]);
});

Deno.test("live: what is passed on knows its place in the sender's audio", async () => {
  const first = await sentOf([chunk(0, 8), chunk(8, 76), chunk(84, 76)], HEADER_24);
  const far = { ...first[2]!, sequence: 900, pts: 60 };
  const next = await sentOf([chunk(0, 8)], HEADER_24);
  const { source } = await received([first[1]!, far, ...next]);
  const [a, b] = [first[0]!.streamId, next[0]!.streamId];
  const at = (unit: number) => source.placeOf(unit * 320 / 24000);
  assert.deepEqual(at(0), { streamId: a, pts: 8 / 75 });
  assert.deepEqual(at(76 + 750)?.pts.toFixed(6), "60.000000"); // behind a gap cut to ten seconds
  assert.deepEqual(at(76 + 750 + 76 + 1), { streamId: b, pts: 0 });
});

Deno.test("live: a listener who joins late misses nothing; one who hears nothing is told", async () => {
  const messages = await sentOf([0, 1, 2].map((k) => segment(k)), HEADER_48);
  const { source, blocks } = await received(messages.slice(2));
  assert.deepEqual([starts(blocks), source.statistics.lost], [[0], 0]);
  await assert.rejects(received([message(new Uint8Array(9)), messages[3]!]), /with 1 bad blocks/);
});

Deno.test("live: a block that is not one is refused", async () => {
  const fields = { streamId: "00000000000000ab", sequence: 0, afterDrop: false };
  const times = { capturedAt: 1, encodeSeconds: 0, sentAt: 2 };
  const good = await blockMessage(chunk(8, 4), HEADER_24, times, fields);
  assert.equal((await messageBlock(good)).block.start, 8 * 320);
  const wrong = (payload: Uint8Array) => ({ ...good, payload });
  const changed = Uint8Array.from(good.payload, (v, i) => i < 4 ? 255 : v);
  for (
    const bad of [
      wrong(good.payload.subarray(0, 20)),
      wrong(good.payload.subarray(0, 60)),
      wrong(changed),
      { ...good, pts: -1 },
      { ...good, pts: 0.1 },
    ]
  ) await assert.rejects(messageBlock(bad), EcdcError);
});

Deno.test("live: a queue that is full drops the oldest, which the receiver counts as lost", async () => {
  const { sender, receiver } = memoryChannel(1);
  const live = new LiveSender(sender, HEADER_48, { queue: 2, policy: "drop-oldest" });
  const blocks = Array.from({ length: 9 }, (_, k) => segment(k));
  const queued = Promise.withResolvers<void>();
  const microphone = async function* () {
    yield* ReadableStream.from(blocks);
    queued.resolve();
  };
  const sending = live.run(microphone());
  await queued.promise;
  const source = await LiveSource.open(receiver);
  const out = await Array.fromAsync(source.blocks());
  await sending;
  const { sent, dropped } = live.statistics;
  assert.ok(dropped > 0);
  assert.deepEqual([sent + dropped, source.statistics.lost], [9, dropped]);
  assert.deepEqual(out.map(({ index }) => index), blocks.map(({ index }) => index));
});

Deno.test("live: a source that fails still ends the stream, and the failure is thrown", async () => {
  const { sender, receiver } = memoryChannel(9);
  const failing = async function* () {
    yield segment(0);
    await Promise.resolve();
    throw new Error("the microphone is gone");
  };
  const failed = assert.rejects(new LiveSender(sender, HEADER_48).run(failing()), /microphone/);
  const messages = await Array.fromAsync(receiver);
  await failed;
  assert.deepEqual(messages.map(({ end }) => end), [false, true]);
});

Deno.test("live: the delay is counted from the capture of a block's first sample", async () => {
  let now = 1000;
  const { sender, receiver } = memoryChannel(9);
  const live = new LiveSender(sender, HEADER_48, { now: () => now });
  const audio = live.captured(
    ReadableStream.from([24000, 24000].map((n) => [new Float32Array(n)])),
  );
  const encoded = async function* () {
    await audio.next();
    now += 500;
    await audio.next();
    now += 30;
    yield segment(0);
  };
  const sending = live.run(encoded());
  const source = await LiveSource.open(receiver, () => now);
  now += 20;
  await Array.fromAsync(source.blocks());
  await sending;
  now += 7;
  source.heard(0.5, now - 3);
  const { fill: _, expected: __, ...terms } = source.statistics.latency;
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(terms).map(([key, value]) => [key, Number(value.toFixed(6))]),
    ),
    { encode: 0.03, transfer: 0.02, decode: 0.004, hold: 0.003, measured: 0.557 },
  );
});
