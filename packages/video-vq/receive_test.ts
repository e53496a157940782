/** A receiver that is started again, and streams that follow or overtake each other. */
import { ManualClock, systemClock } from "@vcs/transport";
import { memoryChannel, type Sender } from "@vcs/transport/channel";
import { type Message, message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { drive, FakeCodec, numbered, SIZE } from "./testing/fakes.ts";
import { WindowJournal } from "./stream/journal.ts";
import { type ReceiveOptions, VideoReceiver } from "./receive.ts";
import { windowMessage } from "./stream/window_message.ts";

const codec = new FakeCodec(systemClock);
const A = "00000000000000a1";
const B = "00000000000000b2";
const sleep = (milliseconds: number) => systemClock.sleep(milliseconds);

/** A window of a stream as a sender makes it; every window is a key. */
async function window(streamId: string, sequence: number, end = false): Promise<Message> {
  const first = sequence * 17;
  const tokens = await codec.encode({ frameCount: 17, ...SIZE, data: numbered(first) });
  const times = Array.from({ length: 18 }, (_, i) => (first + i) / 24);
  const unknown = { capturedAt: 0, encodeSeconds: 0, sentAt: 0 };
  return windowMessage(
    { tokens, validFrames: 17, ...SIZE, frameRate: [24, 1], times, ...unknown },
    { streamId, sequence, modelId: codec.modelId, key: true, end, afterDrop: false },
    "packed",
  );
}

/** Windows by short names: `A0 A1 B0!`, where `!` marks the last one of its stream. */
function windows(names: string): Promise<Message[]> {
  return Promise.all(
    names.split(" ").map((name) =>
      window(name[0] === "A" ? A : B, parseInt(name.slice(1)), name.endsWith("!"))
    ),
  );
}

async function withJournal(names: string, run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/journal`;
    {
      using journal = await WindowJournal.open(path);
      await Array.fromAsync(journal.messages());
      for (const message of names ? await windows(names) : []) await journal.append(message);
    }
    await run(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Receives what is fed in, to the end; gives the windows by their short names. */
async function receive(
  feed: (sender: Sender) => Promise<void>,
  options: ReceiveOptions = {},
): Promise<{ names: string; receiver: VideoReceiver }> {
  const channel = memoryChannel();
  const receiver = new VideoReceiver(channel.receiver, codec, options);
  const feeding = feed(channel.sender);
  const names: string[] = [];
  for await (const { streamId, sequence } of receiver.windows()) {
    names.push(`${streamId === A ? "A" : "B"}${sequence}`);
  }
  await feeding;
  await channel.receiver.close();
  return { names: names.join(" "), receiver };
}

/** Sends windows by their short names. */
const feed = (names: string) => async (sender: Sender) => {
  for (const message of await windows(names)) await sender.send(message);
};

Deno.test("receive: a journal that holds a complete stream does not end the next one early", async () => {
  await withJournal("A0 A1!", async (path) => {
    using journal = await WindowJournal.open(path);
    const withPause = async (sender: Sender) => {
      await feed("B0 B1")(sender);
      await sleep(1500);
      await feed("B2 B3!")(sender);
    };
    const { names } = await receive(withPause, { journal });
    assert.equal(names, "A0 A1 B0 B1 B2 B3");
  });
});

Deno.test("receive: a journal with a complete stream and the start of the next continues with the next", async () => {
  await withJournal("A0 A1! B0", async (path) => {
    using journal = await WindowJournal.open(path);
    const { names, receiver } = await receive(feed("B0 B1 B2 B3!"), { journal });
    assert.equal(names, "A0 A1 B0 B1 B2 B3");
    const { replayed, duplicates, missingCount } = receiver.statistics;
    assert.deepEqual([replayed, duplicates, missingCount], [3, 1, 0]);
  });
});

Deno.test("receive: a journal that holds a complete stream, and nothing more arrives", async () => {
  await withJournal("A0 A1!", async (path) => {
    for (const reorder of [{}, { reorder: 0 }, { reorder: 50 }]) {
      using journal = await WindowJournal.open(path);
      const { names } = await receive(feed("A1!"), { journal, ...reorder });
      assert.equal(names, "A0 A1");
    }
  });
});

Deno.test("receive: windows that were written down as they overtook each other come back in order", async () => {
  await withJournal("A0 A2 A1 A3", async (path) => {
    using journal = await WindowJournal.open(path);
    const { names, receiver } = await receive(feed("A4!"), { journal, reorder: 600_000 });
    assert.equal(names, "A0 A1 A2 A3 A4");
    assert.equal(receiver.statistics.missingCount, 0);
  });
});

Deno.test("receive: without time to wait, a window behind a later one is missing, not out of order", async () => {
  await withJournal("A0 A2 A1 A3", async (path) => {
    using journal = await WindowJournal.open(path);
    const { names, receiver } = await receive(feed("A4!"), { journal });
    assert.equal(names, "A0 A2 A3 A4");
    assert.deepEqual(receiver.statistics.missing, [{ streamId: A, from: 1, to: 1 }]);
  });
});

Deno.test("receive: the end of a stream that overtakes its windows waits for them", async () => {
  const clock = new ManualClock();
  const receiving = receive(feed("A0 A1 A2 A3 A4 B1! B0"), { reorder: 300, clock });
  const { names, receiver } = await drive(clock, receiving);
  assert.equal(names, "A0 A1 A2 A3 A4 B0 B1");
  assert.equal(receiver.statistics.missingCount, 0);
});

Deno.test("receive: several channels at once write a journal that can be read", async () => {
  await withJournal("", async (path) => {
    {
      using journal = await WindowJournal.open(path);
      const channels = [memoryChannel(), memoryChannel(), memoryChannel()];
      const receivers = channels.map(({ receiver }) => receiver);
      const clock = new ManualClock();
      const receiver = new VideoReceiver(receivers, codec, { journal, reorder: 300, clock });
      const taken: number[] = [];
      const taking = (async () => {
        for await (const { sequence } of receiver.windows()) taken.push(sequence);
      })();
      const names = ["A0 A3 A6", "A1 A4 A7", "A2 A5 A8!"];
      await Promise.all(channels.map(({ sender }, i) => feed(names[i]!)(sender)));
      while (taken.length < 9) await sleep(1);
      // Time passes only when all are there.
      await drive(clock, taking);
      assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    const written = await Array.fromAsync(WindowJournal.read(path));
    const numbers = written.map(({ sequence }) => sequence).sort((a, b) => a - b);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

Deno.test("receive: a window that arrives while a later one is decoded is missing, and accepted", async () => {
  const [first, second] = [memoryChannel(), memoryChannel()];
  const slow = new FakeCodec(systemClock, { decode: 0.2 });
  const receivers = [first.receiver, second.receiver];
  const receiver = new VideoReceiver(receivers, slow, { reorder: 50 });
  const taking = Array.fromAsync(receiver.windows());
  await feed("A0 A2")(first.sender);
  while (slow.decodedAt.length < 2) await sleep(5);
  await feed("A1")(second.sender);
  await feed("A3!")(first.sender);
  assert.deepEqual((await taking).map(({ sequence }) => sequence), [0, 2, 3]);
  assert.deepEqual(receiver.statistics.missing, [{ streamId: A, from: 1, to: 1 }]);
  assert.equal(second.sender.counters.inFlight, 0);
});

Deno.test("receive: a last window that is damaged is missing", async () => {
  const { names, receiver } = await receive(async (sender) => {
    const [first, last] = await windows("A0 A1!");
    await sender.send(first!);
    await sender.send({
      ...last!,
      payload: last!.payload.map((byte, i) => i === 36 ? ~byte : byte),
    });
  });
  assert.equal(names, "A0");
  const { damaged, missing } = receiver.statistics;
  assert.deepEqual([damaged, missing], [1, [{ streamId: A, from: 1, to: 1 }]]);
});

Deno.test("receive: a last window that a full receive queue dropped is missing", async () => {
  const channel = memoryChannel(20);
  await feed("A0 A1 A2 A3 A4 A5 A6 A7 A8 A9!")(channel.sender);
  const slow = new FakeCodec(systemClock, { decode: 0.1 });
  const options = { queue: 2, policy: "drop-newest" } as const;
  const receiver = new VideoReceiver(channel.receiver, slow, options);
  const found = await Array.fromAsync(receiver.windows());
  const { missingCount, dropped } = receiver.statistics;
  assert.notEqual(found.at(-1)?.sequence, 9);
  assert.deepEqual([dropped, missingCount], [10 - found.length, 10 - found.length]);
});

Deno.test("receive: a message of other weights is not written down, whatever its place", async () => {
  await withJournal("A0", async (path) => {
    for (const fields of [{ streamId: B, sequence: 0 }, { streamId: A, sequence: 1 }]) {
      {
        using journal = await WindowJournal.open(path);
        const [other] = await windows("A1");
        const foreign = message(other!.payload, { ...other!, ...fields, modelId: B });
        const receiving = receive((sender) => sender.send(foreign), { journal });
        await assert.rejects(receiving, { code: "model-mismatch" });
      }
      assert.equal((await Array.fromAsync(WindowJournal.read(path))).length, 1);
    }
  });
});

Deno.test("receive: a signal ends the reading back of a journal", async () => {
  const names = Array.from({ length: 60 }, (_, i) => `A${i}`).join(" ");
  await withJournal(names, async (path) => {
    using journal = await WindowJournal.open(path);
    const { receiver: end } = memoryChannel();
    const slow = new FakeCodec(systemClock, { decode: 0.02 });
    const signal = AbortSignal.timeout(100);
    const receiver = new VideoReceiver(end, slow, { journal, signal });
    await assert.rejects(Array.fromAsync(receiver.windows()), { name: "TimeoutError" });
    assert(receiver.statistics.decoded < 20, `${receiver.statistics.decoded} were decoded`);
  });
});

Deno.test("receive: only the frames of a stretch are delivered, and only its windows decoded", async () => {
  const channel = memoryChannel(5);
  const decoder = new FakeCodec(systemClock);
  const receiver = new VideoReceiver(channel.receiver, decoder, { from: 1, to: 1.5 });
  const feeding = feed("A0 A1 A2 A3 A4!")(channel.sender);
  const frames = await Array.fromAsync(receiver.frames());
  await feeding;
  assert.deepEqual(frames.map(({ index }) => index), Array.from({ length: 12 }, (_, i) => 24 + i));
  assert.equal(decoder.decodedAt.length, 2);
  const { outside, framesOut, missingCount } = receiver.statistics;
  assert.deepEqual([outside, framesOut, missingCount], [3, 12, 0]);
});
