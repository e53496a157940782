/** A sender's ends: the last window, the last acknowledgement, what it refuses at once. */
import { ManualClock, systemClock } from "@vcs/transport";
import type { Sender } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { drive, FakeCodec, numberedFrames, SIZE } from "./testing/fakes.ts";
import { memoryChannel, openReceiver, openSender } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { RECEIVER_CAPABILITIES } from "./receive.ts";
import { type SendOptions, VideoSender } from "./send.ts";
import { readHeader, type TokenWindow } from "./stream/payload.ts";
import type { Clip } from "./stream/tokenizer.ts";
import { messageWindow } from "./stream/window_message.ts";
import { TokenDecoder } from "./coder/range_coder.ts";
import { packedSize, type Tokens } from "./stream/tokens.ts";

const RATE = { frameRate: [24, 1] as const, ...SIZE };

/** A codec that takes windows of any length, as Open-MAGVIT2 does. */
class AnyLength extends FakeCodec {
  override encode({ frameCount }: Clip): Promise<Tokens> {
    const frames = (frameCount + 3) >> 2;
    const shape = { channels: 18, frames, height: 1, width: 1 };
    return Promise.resolve({ shape, packed: new Uint8Array(packedSize(shape)) });
  }
}

Deno.test("send: the last frames as they are, range coded, are a key window of their own", async () => {
  const { sender, receiver } = memoryChannel();
  const options: SendOptions = { ...RATE, payload: "range", tail: "exact" };
  const run = new VideoSender(new AnyLength(systemClock), sender, options).run(numberedFrames(41));
  const coder = new TokenDecoder();
  const found: [number, number, boolean][] = [];
  for await (const message of receiver) {
    const { tokens, validFrames } = messageWindow(message, coder);
    found.push([tokens.shape.frames, validFrames, message.key]);
  }
  await run;
  assert.deepEqual(found, [[5, 17, true], [5, 17, false], [2, 5, true]]);
});

Deno.test("send: windows are of version 2 while the receiver says that it reads it, or as asked", async () => {
  const cases = [
    [{}, {}, [1, 1]],
    [{ peerCapabilities: ["video-window-2"] }, {}, [2, 2]],
    [{ peerCapabilities: ["video-window-3"] }, {}, [1, 1]],
    [{ peerCapabilities: ["video-window-2"] }, { windowVersion: 1 }, [1, 1]],
    [{}, { windowVersion: 2 }, [2, 2]],
  ] as const;
  for (const [about, options, versions] of cases) {
    const { sender, receiver } = memoryChannel();
    const channel = {
      ...about,
      send: sender.send.bind(sender),
      flush: () => sender.flush(),
      counters: sender.counters,
    };
    const codec = new FakeCodec(systemClock);
    const run = new VideoSender(codec, channel, { ...RATE, ...options }).run(numberedFrames(34));
    const messages = await Array.fromAsync(receiver);
    await run;
    assert.deepEqual(messages.map(({ payload }) => payload[0]), versions);
    assert.equal(messageWindow(messages[1]!).validFrames, 17);
  }
});

Deno.test("send: a receiver that reads version 2 in place of one that does not gets a key window and mixed contexts", async () => {
  const { sender, receiver } = memoryChannel();
  const counters = { ...sender.counters, connections: 1 };
  const channel = {
    peerCapabilities: [] as readonly string[],
    send: sender.send.bind(sender),
    flush: () => sender.flush(),
    counters,
  };
  const codec = new FakeCodec(systemClock);
  const stream = new VideoSender(codec, channel, { ...RATE, payload: "range", queue: 1 });
  const found: unknown[] = [];
  const coder = new TokenDecoder();
  const running = stream.run(numberedFrames(17 * 6));
  for await (const received of receiver) {
    const { coding } = readHeader(received.payload);
    messageWindow(received, coder);
    found.push([received.payload[0], coding, received.key]);
    if (found.length === 2) {
      channel.peerCapabilities = RECEIVER_CAPABILITIES;
      counters.connections++;
    }
  }
  await running;
  const firstNew = found.findIndex((window) => (window as unknown[])[0] === 2);
  assert.ok(firstNew >= 2, JSON.stringify(found));
  assert.deepEqual(
    found.slice(0, firstNew),
    found.slice(0, firstNew).map((_, i) => [1, "range", i === 0]),
  );
  assert.deepEqual(
    found.slice(firstNew),
    found.slice(firstNew).map((_, i) => [2, "mixed", i === 0]),
  );
});

Deno.test("send: over tcp, to a receiver that reads version 2 and to one that does not say so", async () => {
  for (const capabilities of [RECEIVER_CAPABILITIES, []]) {
    await using receiver = await openReceiver("tcp://127.0.0.1:0", { capabilities });
    await using sender = await openSender(receiver.url);
    while (sender.counters.connections === 0) await systemClock.sleep(5);
    await sender.send(message(new Uint8Array(1)));
    await (await receiver.receive())!.accept();
    await sender.flush(); // the report of it came behind what the receiver said of itself
    const codec = new FakeCodec(systemClock);
    const stream = new VideoSender(codec, sender, RATE);
    const running = stream.run(numberedFrames(51));
    const versions: (number | undefined)[] = [];
    for await (const { payload } of receiver) versions.push(payload[0]);
    await running;
    assert.deepEqual(versions, new Array(3).fill(capabilities.length > 0 ? 2 : 1));
  }
});

Deno.test("send: a signal ends the wait for the last acknowledgements", async () => {
  const { sender } = memoryChannel();
  const codec = new FakeCodec(systemClock);
  const abort = new AbortController();
  const options = { ...RATE, signal: abort.signal };
  const run = new VideoSender(codec, sender, options).run(numberedFrames(17));
  while (sender.counters.inFlight === 0) await systemClock.sleep(5);
  await systemClock.sleep(20);
  abort.abort();
  await assert.rejects(run, { name: "AbortError" });
  assert.equal(sender.counters.inFlight, 1);
});

Deno.test("send: what cannot be kept is refused before anything is sent", () => {
  const { sender } = memoryChannel();
  const codec = Object.assign(new FakeCodec(systemClock), { fullWindows: true });
  const id = { streamId: "00000000000000ab", payload: "range" } as const;
  const allowed = [{ tail: "pad" }, { keyEvery: 8 }, id, { ...id, keyEvery: 1 }] as const;
  const refused = [{ tail: "exact" }, { keyEvery: 0 }, { ...id, keyEvery: 8 }] as const;
  for (const options of allowed) new VideoSender(codec, sender, { ...RATE, ...options });
  for (const options of refused) {
    assert.throws(() => new VideoSender(codec, sender, { ...RATE, ...options }), RangeError);
  }
});

Deno.test("send: frames are scaled as the encoder expects it", async () => {
  const side = 64;
  const stripes = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    return Math.floor(i / 3) % 8 < 2 ? 200 : 0;
  });
  const scaled = async (resize: "area" | "opencv") => {
    const { sender, receiver } = memoryChannel();
    const codec = Object.assign(new FakeCodec(systemClock), { resize });
    let first: number | undefined;
    codec.encode = (clip) => {
      first = clip.data[0];
      return FakeCodec.prototype.encode.call(codec, clip);
    };
    const frames = async function* () {
      yield { width: side, height: side, data: stripes, pts: 0, duration: 1 };
    };
    const run = new VideoSender(codec, sender, RATE).run(frames());
    for await (const _ of receiver);
    await run;
    return first;
  };
  // Two of the eight columns that the first pixel covers are bright; neither is in its middle.
  assert.deepEqual([await scaled("area"), await scaled("opencv")], [50, 0]);
});

/** Sends so many windows; gives which of them were keys. */
async function keysOf(count: number, options: Partial<SendOptions>, joinAt?: number) {
  const { sender, receiver } = memoryChannel(1);
  const joining: Sender = Object.create(sender, {
    send: { value: (...args: Parameters<Sender["send"]>) => sender.send(...args) },
    flush: { value: () => sender.flush() },
    // Somebody else is connected from some window on.
    counters: {
      get: () => ({
        ...sender.counters,
        connections: joinAt !== undefined && sender.counters.sent >= joinAt ? 2 : 1,
      }),
    },
  });
  const sending = new VideoSender(new FakeCodec(systemClock), joining, {
    ...{ ...RATE, payload: "range" },
    ...options,
  });
  const run = sending.run(numberedFrames(17 * count));
  const keys: number[] = [];
  for await (const { key, sequence } of receiver) if (key) keys.push(sequence);
  await run;
  return keys;
}

Deno.test("send: every so many windows one is a key, 16 unless asked otherwise", async () => {
  assert.deepEqual(await keysOf(8, { keyEvery: 3 }), [0, 3, 6]);
  assert.deepEqual(await keysOf(3, { keyEvery: 1 }), [0, 1, 2]);
  assert.deepEqual(await keysOf(34, {}), [0, 16, 32]);
});

Deno.test("send: the window after a new connection is a key, and the count restarts", async () => {
  assert.deepEqual(await keysOf(9, { keyEvery: 4 }, 2), [0, 2, 6]);
});

Deno.test("send: ten thousand dropped windows are listed, further ones are only counted", async () => {
  const { sender, receiver } = memoryChannel(1);
  const codec = new FakeCodec(systemClock);
  const options: SendOptions = { ...RATE, queue: 1, policy: "drop-newest", tail: "pad" };
  const sending = new VideoSender(codec, sender, options);
  const run = sending.run(numberedFrames(17 * 10_010));
  while (sending.statistics.windows < 10_010) await systemClock.sleep(1);
  for await (const _ of receiver);
  const { dropped, droppedCount, sent } = await run;
  assert.equal(dropped.length, 10_000);
  assert.equal(droppedCount, 10_010 - sent);
  assert.ok(droppedCount > 10_000);
});

/** What a receiver of a stream gets: the valid frames of each window, and whether it saw the end. */
async function arrivals(
  run: (sender: Sender) => Promise<unknown>,
  onWindow: (window: TokenWindow) => void = () => {},
) {
  const { sender, receiver } = memoryChannel(1);
  const running = run(sender);
  running.catch(() => {});
  const frames: number[] = [];
  let end = false;
  for await (const message of receiver) {
    if (message.payload.length > 0) {
      const window = messageWindow(message);
      frames.push(window.validFrames);
      onWindow(window);
    }
    end = message.end;
  }
  return { running, frames, end };
}

Deno.test("send: if the source fails, what was collected is sent, and the end", async () => {
  const failing = async function* () {
    yield* numberedFrames(40);
    throw new Error("the disk is gone");
  };
  const torn = async function* () {
    yield* numberedFrames(40);
    yield { ...SIZE, data: new Uint8Array(5), pts: 2, duration: 0.1 };
  };
  const cases = [[failing, /the disk is gone/], [torn, /found 5 bytes/]] as const;
  for (const [source, message] of cases) {
    for (const captureRing of [{}, { captureRing: 51 }]) {
      const codec = new FakeCodec(systemClock);
      const { running, frames, end } = await arrivals((sender) =>
        new VideoSender(codec, sender, { ...RATE, ...captureRing }).run(source())
      );
      await assert.rejects(running, message);
      assert.deepEqual([frames, end], [[17, 17, 6], true]);
    }
  }
});

Deno.test("send: if the encoder fails, what it made is sent, and the end", async () => {
  class Breaking extends FakeCodec {
    override async encode(clip: Clip): Promise<Tokens> {
      if (this.encodedAt.length === 2) throw new Error("out of memory");
      return await super.encode(clip);
    }
  }
  const codec = new Breaking(systemClock);
  const { running, frames, end } = await arrivals((sender) =>
    new VideoSender(codec, sender, RATE).run(numberedFrames(500))
  );
  await assert.rejects(running, /out of memory/);
  assert.deepEqual([frames, end], [[17, 17], true]);
});

Deno.test("send: frames are stamped as they come, before they wait in the ring", async () => {
  const clock = new ManualClock();
  const codec = new FakeCodec(clock, { encode: 2 });
  const options: SendOptions = { ...RATE, clock, captureRing: 510 };
  const captured: number[] = [];
  const work = arrivals(
    (sender) => new VideoSender(codec, sender, options).run(numberedFrames(12 * 17, { clock })),
    ({ capturedAt }) => captured.push(capturedAt),
  );
  await drive(clock, work, 10);
  assert.deepEqual(
    captured.map((at) => Math.round(at * 24 / 1000)),
    Array.from({ length: 12 }, (_, i) => 17 * i),
  );
});
