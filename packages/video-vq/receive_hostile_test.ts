/** What a receiver does with windows that no encoder of ours sends: none of them hurts it. */
import { ManualClock, systemClock } from "@vcs/transport";
import { memoryChannel } from "@vcs/transport/channel";
import type { Message } from "@vcs/transport/message";
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { openOutput } from "./frames/outputs.ts";
import {
  type OnResize,
  type ReceivedWindow,
  type ReceiveOptions,
  VideoReceiver,
} from "./receive.ts";
import { WindowJournal } from "./stream/journal.ts";
import type { Clip } from "./stream/tokenizer.ts";
import type { Tokens } from "./stream/tokens.ts";
import { FakeCodec } from "./testing/fakes.ts";
import { goodMessage, ODD_WINDOWS, randomMessage } from "./testing/hostile.ts";
import { TINY_LATENT } from "./tiny/graph.ts";

/** Random windows in the gate; a longer search is `deno task fuzz:windows`. */
const SEEDS = Number(Deno.env.get("FUZZ") ?? 1000);

/** Takes only what vq-tiny's decoder takes, as its graph does, and gives grey frames. */
class Strict extends FakeCodec {
  override readonly latent = TINY_LATENT;

  override decode({ shape }: Tokens): Promise<Clip> {
    const { channels, frames, height, width } = shape;
    assert.deepEqual([channels, frames], [18, 5], "the decoder was given another latent");
    assert(height * width * frames <= 81_920, "the decoder was given a huge latent");
    const size = { height: height * 8, width: width * 8 };
    const data = new Uint8Array(17 * size.height * size.width * 3);
    return Promise.resolve({ frameCount: 17, ...size, data });
  }
}

const codec = new Strict(systemClock);

async function received(messages: readonly Message[], options: ReceiveOptions = {}) {
  const { sender, receiver } = memoryChannel(messages.length);
  for (const message of messages) await sender.send(message);
  const events: string[] = [];
  const onEvent = (event: string) => void events.push(event);
  const stream = new VideoReceiver(receiver, codec, { onEvent, ...options });
  const windows = await Array.fromAsync(stream.windows());
  await sender.flush(); // every message was accepted
  return { windows, events, statistics: stream.statistics };
}

/** Two good windows, the odd one, two good ones. */
const around = (odd: Message) => [
  ...[goodMessage(0), goodMessage(1), odd],
  ...[goodMessage(3), goodMessage(4, { end: true })],
];

for (const { name, message } of ODD_WINDOWS) {
  Deno.test(`receive: ${name} is a damaged window, and the stream goes on`, async () => {
    const { windows, events, statistics } = await received(around(message));
    assert.deepEqual(windows.map(({ sequence }) => sequence), [0, 1, 3, 4]);
    const { damaged, missingCount } = statistics;
    assert.deepEqual([damaged, missingCount], [1, 1]);
    assert.match(events.join(), /^window 2: Cannot read a window: /);
  });
}

/** What stands in a video file after a stream that begins with a window. */
async function filmAfter(first: Message) {
  const folder = await Deno.makeTempDir();
  try {
    const messages = [first, goodMessage(1), goodMessage(2, { end: true })];
    const { sender, receiver } = memoryChannel(messages.length);
    for (const message of messages) await sender.send({ ...message, pts: message.sequence });
    const stream = new VideoReceiver(receiver, codec);
    const output = await openOutput(`${folder}/film.mp4`);
    for await (const frame of stream.frames()) await output.write(frame);
    await output.close();
    await using film = await VideoReader.open(`${folder}/film.mp4`);
    const { width, height, frameCount } = film.info;
    return { size: `${width}x${height}`, frameCount, damaged: stream.statistics.damaged };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, rows, columns] of [["tall", 2048, 1], ["wide", 1, 2048]] as const) {
  Deno.test(`receive: a ${name} window that comes first is no larger than a file takes`, async () => {
    const larger = [rows, columns].map((side) => side > 1 ? side + 1 : side) as [number, number];
    const refused = await filmAfter(goodMessage(0, { side: larger }));
    assert.deepEqual(refused, { size: "16x16", frameCount: 34, damaged: 1 });
    const taken = await filmAfter(goodMessage(0, { side: [rows, columns] }));
    const size = `${columns * 8}x${rows * 8}`;
    assert.deepEqual(taken, { size, frameCount: 51, damaged: 0 });
  });
}

/** All that a window says is finite and in order. */
function assertSound({ validFrames, times, width, height, data, ...rest }: ReceivedWindow): void {
  assert(validFrames >= 1 && validFrames <= 17 && times.length === validFrames + 1);
  assert(times.every((time, i) => Number.isFinite(time) && time >= times[Math.max(0, i - 1)]!));
  assert.equal(data.length, validFrames * width * height * 3);
  assert.deepEqual([width, height], [16, 16]);
  const rate = rest.frameRate[0] / rest.frameRate[1];
  assert(rate >= 0.001 && rate <= 1000);
  for (const value of [rest.capturedAt, rest.sentAt, rest.encodeSeconds]) {
    assert(Number.isFinite(value) && value >= 0);
  }
}

Deno.test(`receive: no random window of ${SEEDS} hurts`, async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { windows, statistics } = await received(around(randomMessage(seed)));
    const { decoded, damaged, undecodable } = statistics;
    assert.equal(decoded + damaged + undecodable, 5, `seed ${seed}`);
    assert.equal(windows.length, decoded);
    for (const window of windows) assertSound(window);
  }
});

/** A stream whose middle window is twice as large. */
const growing = () => [
  goodMessage(0),
  goodMessage(1),
  goodMessage(2, { side: 4 }),
  goodMessage(3, { end: true }),
];

Deno.test("receive: a window of another size is fitted to the first one, left out, or kept", async () => {
  const expected = {
    fit: [16, 16, 16, 16],
    skip: [16, 16, 16],
    keep: [16, 16, 32, 16],
  };
  for (const [onResize, widths] of Object.entries(expected)) {
    const { windows, events, statistics } = await received(growing(), {
      onResize: onResize as OnResize,
    });
    assert.deepEqual(windows.map(({ width }) => width), widths);
    for (const { data, width, height } of windows) {
      assert.equal(data.length, 17 * width * height * 3);
    }
    assert.equal(statistics.fitted, onResize === "fit" ? 1 : 0);
    assert.equal(statistics.damaged, onResize === "skip" ? 1 : 0);
    assert.equal(events.length, onResize === "keep" ? 0 : 1);
  }
});

Deno.test("receive: the limit of positions can be set", async () => {
  const { windows, statistics } = await received(growing(), { maxPositions: 5 * 2 * 2 });
  assert.equal(windows.length, 3);
  assert.equal(statistics.damaged, 1);
});

Deno.test("receive: three thousand streams are told in one line and counted", async () => {
  const streams = Array.from({ length: 3000 }, (_, i) => {
    const streamId = (i + 1).toString(16).padStart(16, "0");
    return goodMessage(0, { streamId, end: i === 2999 });
  });
  const clock = new ManualClock();
  const { events, statistics } = await received(streams, { clock });
  assert.equal(events.length, 1);
  assert.equal(statistics.streams, 3000);
});

Deno.test("receive: an odd window in a journal is left out at every start", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [odd] = ODD_WINDOWS;
    for (const replayed of [0, 5]) {
      using journal = await WindowJournal.open(`${folder}/journal`);
      const sent = replayed === 0 ? around(odd!.message) : [goodMessage(4, { end: true })];
      const { windows, statistics } = await received(sent, { journal });
      assert.equal(windows.length, 4);
      assert.deepEqual([statistics.replayed, statistics.damaged], [replayed, 1]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
