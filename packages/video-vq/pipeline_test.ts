import { ManualClock, systemClock } from "@vcs/transport";
import {
  memoryChannel,
  openReceiver,
  openSender,
  type Receiver,
  type Sender,
} from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { defined } from "@vcs/transport/internal";
import { random } from "#testing/fuzz.ts";
import { drive, FakeCodec, numberedFrames, numberOf, SIZE } from "./testing/fakes.ts";
import { type Playback, type PlayOptions, playVideo } from "./play.ts";
import { type ReceiveOptions, VideoReceiver } from "./receive.ts";
import { type SendOptions, VideoSender } from "./send.ts";
import type { TimedFrame } from "./stream/windows.ts";

const RATE = { frameRate: [24, 1] as const, ...SIZE };

interface Bench {
  readonly clock: ManualClock;
  readonly codec: FakeCodec;
  readonly sender: VideoSender;
  readonly receiver: VideoReceiver;
  readonly channel: { sender: Sender; receiver: Receiver };
}

/** Both halves of the real pipeline around a codec that takes some time. */
function bench(
  seconds: { encode?: number; decode?: number },
  send: Partial<SendOptions> = {},
  receive: ReceiveOptions = {},
): Bench {
  const clock = new ManualClock();
  const codec = new FakeCodec(clock, seconds);
  const channel = memoryChannel();
  const sender = new VideoSender(codec, channel.sender, { ...RATE, clock, ...send });
  const receiver = new VideoReceiver(channel.receiver, codec, { clock, ...receive });
  return { clock, codec, sender, receiver, channel };
}

/** Takes all frames, looking at the numbers that they carry, at a pace. */
async function take(
  { receiver, clock }: Bench,
  pause: (i: number) => number = () => 0,
): Promise<number[]> {
  const numbers: number[] = [];
  for await (const frame of receiver.frames()) {
    assert.equal(numberOf(frame.data), frame.index);
    numbers.push(frame.index);
    const milliseconds = pause(numbers.length);
    if (milliseconds > 0) await clock.sleep(milliseconds);
  }
  return numbers;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("pipeline: as fast as the slowest stage, stages overlap", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  const work = async () => {
    const [, frames] = await Promise.all([b.sender.run(numberedFrames(50 * 17)), take(b)]);
    assert.deepEqual(frames, upTo(850));
    return b.clock.now() / 1000;
  };
  const rate = 850 / await drive(b.clock, work());
  assert(rate > 110 && rate < 114, `${rate} frames a second`);
});

Deno.test("pipeline: bound by the encoder, the decoder idles D/E of the time", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  await drive(b.clock, Promise.all([b.sender.run(numberedFrames(50 * 17)), take(b)]));
  assert(b.sender.statistics.utilisation > 0.97);
  assert(Math.abs(b.receiver.statistics.utilisation - 1 / 3) < 0.03);
});

Deno.test("pipeline: the first window is encoded 16 to 17 frames after the first one", async () => {
  const b = bench({});
  const live = numberedFrames(40, { clock: b.clock });
  await drive(b.clock, Promise.all([b.sender.run(live), take(b)]));
  const first = b.codec.encodedAt[0]! / 1000;
  assert(first >= 16 / 24 && first <= 17 / 24 + 0.006, `${first} s`);
});

for (const queue of [2, 3, 4]) {
  Deno.test(`pipeline: never more than ${queue} windows wait while the peer stalls`, async () => {
    const b = bench({}, { queue }, { queue });
    const sending = b.sender.run(numberedFrames(200 * 17));
    await b.clock.advance(60_000);
    const { statistics } = b.sender;
    assert.equal(statistics.queue.deepest, queue);
    assert.equal(statistics.inFlight.most, 3);
    assert.equal(statistics.sent, 3, "the channel's credits");
    assert(statistics.encoded <= 3 + 1 + queue + 2, `${statistics.encoded} encoded`);
    const [, frames] = await drive(b.clock, Promise.all([sending, take(b)]));
    assert.equal(frames.length, 3400);
    assert(b.receiver.statistics.queue.deepest <= queue);
    assert.equal(b.sender.statistics.inFlight.most, 3);
  });
}

Deno.test("pipeline: a credit is returned when a window's frames are taken, not before", async () => {
  const b = bench({});
  const sending = b.sender.run(numberedFrames(5 * 17));
  const frames = b.receiver.frames();
  for (let i = 0; i < 17; i++) await frames.next();
  await b.clock.advance(1000);
  assert.equal(b.channel.receiver.counters.accepted, 0);
  const next = frames.next();
  await b.clock.advance(1000);
  await next;
  assert.equal(b.channel.receiver.counters.accepted, 1);
  for await (const _ of frames) continue;
  await sending;
});

Deno.test("pipeline: block loses nothing while the peer stalls ten seconds", async () => {
  const b = bench({ encode: 0.05, decode: 0.02 });
  const stall = (taken: number) => taken === 20 * 17 ? 10_000 : 0;
  const work = Promise.all([b.sender.run(numberedFrames(200 * 17)), take(b, stall)]);
  const [statistics, frames] = await drive(b.clock, work);
  assert.deepEqual(frames, upTo(3400));
  assert.deepEqual(statistics.dropped, []);
  assert.equal(b.receiver.statistics.missingCount, 0);
  assert(Math.abs(statistics.blockedSeconds - 10) < 1, `${statistics.blockedSeconds} s blocked`);
});

for (const policy of ["drop-oldest", "drop-newest"] as const) {
  Deno.test(`pipeline: ${policy} drops windows, both ends report which, delay stays`, async () => {
    const b = bench({ decode: 17 / 12 }, { policy, queue: 2 });
    const live = numberedFrames(40 * 17, { clock: b.clock });
    const [sent, frames] = await drive(b.clock, Promise.all([b.sender.run(live), take(b)]));
    const windows = frames.filter((index) => index % 17 === 0).map((index) => index / 17);
    const { missing, missingCount, latency } = b.receiver.statistics;
    const listed = missing.flatMap(({ from, to }) => upTo(to - from + 1).map((i) => from + i));
    assert(sent.dropped.length > 10, `${sent.dropped.length} dropped`);
    assert.equal(sent.windows, windows.length + sent.dropped.length);
    assert.equal(sent.encoded, windows.length, "what is dropped is not encoded");
    assert.deepEqual([...sent.dropped].sort((x, y) => x - y), listed);
    assert.deepEqual([...windows, ...listed].sort((x, y) => x - y), upTo(40));
    assert.equal(missingCount, listed.length);
    assert(latency.measured < 12, `${latency.measured} s from end to end`);
  });
}

Deno.test("pipeline: a source that cannot wait loses frames, and they are counted", async () => {
  const b = bench({ encode: 1.5 }, { captureRing: 34 });
  const live = numberedFrames(40 * 17, { clock: b.clock });
  const numbers: number[] = [];
  const taking = async () => {
    for await (const frame of b.receiver.frames()) numbers.push(frame.index);
  };
  const [statistics] = await drive(b.clock, Promise.all([b.sender.run(live), taking()]));
  const { framesIn, framesDropped } = statistics;
  assert.equal(framesIn, 40 * 17);
  assert(framesDropped > 100);
  assert.equal(framesIn, numbers.length + framesDropped);
  assert(b.sender.captureRing.deepest <= 34);
});

/** The paced output behind a receiver. */
function paced(b: Bench, options: PlayOptions = {}): Promise<Playback> {
  return playVideo(b.receiver, { clock: b.clock, ...options });
}

Deno.test("pipeline: bursts of 17 in, never above 51, a steady rate out", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  const sending = b.sender.run(numberedFrames(15 * 24, { clock: b.clock }));
  const playback = await drive(b.clock, paced(b), 2);
  const times: number[] = [];
  let burst = 0;
  let before = 0;
  const watch = async () => {
    for await (const _ of playback.frames) {
      times.push(b.clock.now());
      const { written } = playback.counters;
      burst = Math.max(burst, written - before);
      before = written;
    }
  };
  await drive(b.clock, Promise.all([sending, watch()]));
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const mean = gaps.reduce((x, y) => x + y) / gaps.length;
  assert.equal(times.length, 15 * 24);
  assert.equal(burst, 17);
  assert(playback.counters.deepest <= 51);
  assert(Math.abs(mean / (1000 / 24) - 1) < 0.005, `mean gap ${mean} ms`);
  assert(Math.max(...gaps.map((gap) => Math.abs(gap - 1000 / 24))) < 5);
});

Deno.test("pipeline: underruns repeat the last frame, are counted, and end without a burst", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  const source = async function* (): AsyncGenerator<TimedFrame> {
    for await (const frame of numberedFrames(20 * 17, { clock: b.clock })) {
      yield frame;
      if (frame.pts === 10) await b.clock.sleep(3000);
    }
  };
  const sending = b.sender.run(source());
  const playback = await drive(b.clock, paced(b), 2);
  const shown: { index: number; at: number }[] = [];
  const watch = async () => {
    for await (const { index } of playback.frames) shown.push({ index, at: b.clock.now() });
  };
  await drive(b.clock, Promise.all([sending, watch()]));
  const repeats = shown.filter(({ index }, i) => index === shown[i - 1]?.index).length;
  assert.equal(new Set(shown.map(({ index }) => index)).size, 340);
  assert.equal(repeats, playback.counters.underruns);
  assert(repeats > 24 && repeats < 3 * 24, `${repeats} repeats`);
  const gaps = shown.slice(1).map(({ at }, i) => at - shown[i]!.at);
  assert(Math.min(...gaps) > 30, "no burst after the stall");
});

Deno.test("pipeline: a slow output holds the whole chain back to the source", async () => {
  const b = bench({});
  const sending = b.sender.run(numberedFrames(100 * 17));
  const playback = await drive(b.clock, paced(b, { ring: 34 }), 2);
  await b.clock.advance(60_000);
  assert(playback.counters.deepest <= 34);
  const { framesIn } = b.sender.statistics;
  assert(framesIn < 34 + 17 * 12, `${framesIn} frames were taken from the source`);
  await playback.frames.cancel();
  await b.channel.receiver.close();
  await assert.rejects(sending);
});

Deno.test("pipeline: the delay is 17/fps + E + D, for every frame", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  await b.clock.advance(1000); // zero stands for an unknown time
  const sending = b.sender.run(numberedFrames(20 * 17, { clock: b.clock }));
  const jitter = 0.1;
  const playback = await drive(b.clock, paced(b, { jitter }), 2);
  const delays: number[] = [];
  const watch = async () => {
    for await (const frame of playback.frames) {
      delays.push((b.clock.now() - frame.capturedAt) / 1000);
    }
  };
  await drive(b.clock, Promise.all([sending, watch()]));
  const formula = 17 / 24 + 0.15 + 0.05;
  const first = delays[0]! - jitter;
  assert(first >= formula - 1 / 24 && first < formula + 0.03, `${first} s`);
  const spread = Math.max(...delays) - Math.min(...delays);
  assert(spread < 0.001, `${spread} s between the delays of frames`);
  assert.equal(playback.counters.underruns, 0);
  const { latency } = b.receiver.statistics;
  assert(Math.abs(latency.expected - formula - jitter) < 0.01, `${latency.expected} s expected`);
  assert(Math.abs(latency.measured - latency.expected) < 0.05, "the terms are all of the delay");
});

Deno.test("pipeline: a slow first window delays all that follow, and is in the terms", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  await b.clock.advance(1000); // zero stands for an unknown time
  const decode = b.codec.decode.bind(b.codec);
  b.codec.decode = async (tokens) => {
    if (b.codec.decodedAt.length === 0) await b.clock.sleep(400);
    return await decode(tokens);
  };
  const sending = b.sender.run(numberedFrames(20 * 17, { clock: b.clock }));
  const playback = await drive(b.clock, paced(b), 2);
  await drive(b.clock, Promise.all([sending, Array.fromAsync(playback.frames)]));
  const { hold, expected, measured } = b.receiver.statistics.latency;
  assert(Math.abs(hold - 0.5) < 0.02, `${hold} s of jitter and waiting`);
  assert(Math.abs(measured - expected) < 0.05, `${measured} s measured, ${expected} s expected`);
});

Deno.test("pipeline: what waits before an encoder or a decoder that hardly keeps up is in the terms", async () => {
  for (const slow of ["encode", "decode"] as const) {
    const b = bench({ encode: 0.05, decode: 0.05, [slow]: 0.7 });
    await b.clock.advance(1000); // zero stands for an unknown time
    const work = b.codec[slow].bind(b.codec) as (of: never) => Promise<never>;
    let calls = 0;
    const late = async (of: never) => {
      if (calls++ === 0) await b.clock.sleep(600); // all that come after it wait as long
      return await work(of);
    };
    Object.assign(b.codec, { [slow]: late });
    const sending = b.sender.run(numberedFrames(20 * 17, { clock: b.clock }));
    const watch = async () => {
      for await (const _ of b.receiver.frames());
    };
    await drive(b.clock, Promise.all([sending, watch()]));
    const { expected, measured } = b.receiver.statistics.latency;
    assert(measured > 1.8, `${measured} s measured`);
    assert(Math.abs(measured - expected) < 0.05, `${measured} s measured, ${expected} s expected`);
  }
});

Deno.test("pipeline: a larger start buffer means more delay and fewer underruns", async () => {
  const run = async (jitter: number, sigma: number) => {
    const b = bench({});
    const next = random(3);
    const decode = b.codec.decode.bind(b.codec);
    b.codec.decode = async (tokens) => {
      await b.clock.sleep(sigma * (next() + next() + next()));
      return await decode(tokens);
    };
    const sending = b.sender.run(numberedFrames(18 * 17, { clock: b.clock }));
    const playback = await drive(b.clock, paced(b, { jitter }), 2);
    const delays: number[] = [];
    const watch = async () => {
      for await (const frame of playback.frames) delays.push(b.clock.now() - frame.capturedAt);
    };
    await drive(b.clock, Promise.all([sending, watch()]));
    return { underruns: playback.counters.underruns, delay: delays[0]! };
  };
  const runs = [await run(0, 300), await run(0.3, 300), await run(1, 300)];
  const delays = runs.map(({ delay }) => delay);
  const underruns = runs.map(({ underruns }) => underruns);
  assert.deepEqual(delays, [...delays].sort((x, y) => x - y));
  assert.deepEqual(underruns, [...underruns].sort((x, y) => y - x));
  assert(underruns[0]! > underruns[2]!);
  assert.equal(underruns[2], 0);
  assert.equal((await run(0.3, 100)).underruns, 0);
});

Deno.test("pipeline: both halves count everything that a person may ask for", async () => {
  const b = bench({ encode: 0.15, decode: 0.05 });
  await drive(b.clock, Promise.all([b.sender.run(numberedFrames(5 * 17)), take(b)]));
  const sent = b.sender.statistics;
  const received = b.receiver.statistics;
  assert.equal(JSON.parse(JSON.stringify(sent)).encode.p50, 0.15);
  assert.deepEqual([sent.framesIn, sent.encoded, sent.sent], [85, 5, 5]);
  assert.deepEqual([received.received, received.decoded, received.framesOut], [5, 5, 85]);
  assert.deepEqual([received.duplicates, received.damaged, received.dropped], [0, 0, 0]);
  assert.equal(sent.bytes, received.bytes);
  assert(Math.abs(received.decode.p99 - 0.05) < 1e-9);
});

Deno.test("pipeline: the end of the source flushes the last frames, nothing is left open", async () => {
  for (const count of [0, 1, 17, 20, 34]) {
    for (const captureRing of [undefined, 51]) {
      const b = bench({}, defined({ captureRing }));
      const work = Promise.all([b.sender.run(numberedFrames(count)), take(b)]);
      const [, frames] = await drive(b.clock, work);
      assert.deepEqual(frames, upTo(count), `${count} frames`);
    }
  }
});

Deno.test("pipeline: a stop ends the stream after the frames so far", async () => {
  const stop = new AbortController();
  const b = bench({}, { stop: stop.signal });
  const work = Promise.all([b.sender.run(numberedFrames(1000, { clock: b.clock })), take(b)]);
  await b.clock.advance(2000);
  stop.abort();
  const [statistics, frames] = await drive(b.clock, work);
  assert.equal(frames.length, statistics.framesIn);
  assert(frames.length >= 48 && frames.length < 60, `${frames.length} frames`);
});

Deno.test("pipeline: other weights are refused before decoding, or forced", async () => {
  for (const force of [false, true]) {
    const channel = memoryChannel();
    const encoder = new FakeCodec(systemClock, {}, "00000000000000aa");
    const decoder = new FakeCodec(systemClock, {}, "00000000000000bb");
    const sender = new VideoSender(encoder, channel.sender, RATE);
    const receiver = new VideoReceiver(channel.receiver, decoder, { force });
    const sending = sender.run(numberedFrames(34));
    const frames = Array.fromAsync(receiver.frames());
    if (force) assert.equal((await frames).length, 34);
    else await assert.rejects(frames, { code: "model-mismatch" });
    assert.equal(decoder.decodedAt.length, force ? 2 : 0);
    await channel.receiver.close();
    await sending.catch(() => {});
  }
});

Deno.test("pipeline: an encoder that fails ends both halves with its error", async () => {
  const b = bench({});
  b.codec.encode = () => Promise.reject(new Error("out of memory"));
  const sending = b.sender.run(numberedFrames(100));
  sending.catch(() => {});
  assert.deepEqual(await drive(b.clock, take(b)), []);
  await assert.rejects(sending, /out of memory/);
});

Deno.test("pipeline: a receiver that is left early releases everything", async () => {
  await using listening = await openReceiver("tcp://127.0.0.1:0");
  const abort = new AbortController();
  const sending = await openSender(listening.url, { signal: abort.signal });
  const codec = new FakeCodec(systemClock);
  const receiver = new VideoReceiver(listening, codec);
  const run = new VideoSender(codec, sending, { ...RATE, signal: abort.signal })
    .run(numberedFrames(1000));
  let taken = 0;
  for await (const _ of receiver.frames()) if (++taken === 40) break;
  abort.abort();
  await assert.rejects(run, { name: "AbortError" });
  assert.equal(taken, 40);
});
