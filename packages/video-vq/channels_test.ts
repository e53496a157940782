/** Streams through real channels, and the faults that occur there. */
import {
  memoryChannel,
  openReceiver,
  openSender,
  type Receiver,
  type Sender,
} from "@vcs/transport/channel";
import { ManualClock, systemClock } from "@vcs/transport";
import type { Message } from "@vcs/transport/message";
import { readNpy } from "@vcs/transport/npy";
import { readSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { defined } from "@vcs/transport/internal";
import { random } from "#testing/fuzz.ts";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../transport/trial/brokers.ts";
import { freePort } from "../transport/site/free_port.ts";
import { drive, FakeCodec, filesIn, numberedFrames, numberOf, SIZE } from "./testing/fakes.ts";
import { until } from "../transport/testing/waits.ts";
import { WindowJournal } from "./stream/journal.ts";
import { type ReceiveOptions, VideoReceiver } from "./receive.ts";
import { type SendOptions, VideoSender } from "./send.ts";
import { tokensFromIndices, tokensFromQuant } from "./stream/tokens.ts";
import { PAYLOAD_FORMS } from "./stream/window_message.ts";

const RATE = { frameRate: [25, 1] as const, ...SIZE };
const codec = new FakeCodec(systemClock);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Takes all frames, looking at the numbers that they carry. */
async function take(receiver: VideoReceiver): Promise<number[]> {
  const numbers: number[] = [];
  for await (const frame of receiver.frames()) {
    assert.equal(numberOf(frame.data), frame.index);
    numbers.push(frame.index);
  }
  return numbers;
}

/** The messages of a stream of six windows. */
async function recorded(): Promise<Message[]> {
  const { sender, receiver } = memoryChannel();
  const receiving = Array.fromAsync(receiver);
  await new VideoSender(codec, sender, RATE).run(numberedFrames(6 * 17));
  return await receiving;
}

/** Sends frames through two ends and takes them. */
async function stream(
  [sender, receiver]: readonly [Sender, Receiver],
  count: number,
  send: Partial<SendOptions> = {},
  receive: ReceiveOptions = {},
) {
  const sending = new VideoSender(codec, sender, { ...RATE, ...send });
  const receiving = new VideoReceiver(receiver, codec, receive);
  const [sent, frames] = await Promise.all([
    sending.run(numberedFrames(count, { fps: 25 })),
    take(receiving),
  ]);
  return { sent, frames, received: receiving.statistics };
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const payload of PAYLOAD_FORMS) {
  Deno.test(`channels: ${payload} over tcp gives every frame with its time`, async () => {
    await using receiver = await openReceiver("tcp://127.0.0.1:0");
    await using sender = await openSender(receiver.url);
    const { frames, received } = await stream([sender, receiver], 100, { payload });
    assert.deepEqual(frames, upTo(100));
    assert.deepEqual([received.missingCount, received.damaged], [0, 0]);
  });
}

Deno.test("channels: files are named by number, three digits and more, in numeric order", async () => {
  await withFolder(async (folder) => {
    const count = 1003 * 17;
    {
      await using sender = await openSender(`${pathToFileURL(folder)}/?format=npy`);
      await new VideoSender(codec, sender, { ...RATE, payload: "quant" })
        .run(numberedFrames(count));
    }
    const names = await filesIn(folder);
    assert.equal(names.length, 1003);
    assert(names.includes("window_000.npy") && names.includes("window_1000.npy"));
    assert(names.includes("window_1002.end.npy"));
    await using receiver = await openReceiver(`${pathToFileURL(folder)}/?format=npy`);
    const sequences: number[] = [];
    for await (const { sequence } of receiver) sequences.push(sequence);
    assert.deepEqual(sequences, upTo(1003));
  });
});

Deno.test("channels: quant and indices as safetensors, npy, pt and raw", async () => {
  await withFolder(async (folder) => {
    const write = async (format: string, payload: SendOptions["payload"]) => {
      const url = `${pathToFileURL(folder)}/${format}-${payload}/?format=${format}`;
      await using sender = await openSender(url);
      await new VideoSender(codec, sender, { ...RATE, ...defined({ payload }) })
        .run(numberedFrames(17, { first: 34 }));
      const extension = format === "raw" ? "bin" : format;
      return `${folder}/${format}-${payload}/window_000.end.${extension}`;
    };
    const data = await new FakeCodec(systemClock).encode({
      frameCount: 17,
      ...SIZE,
      data: (await numberedFrames(1, { first: 34 }).next()).value!.data,
    });
    const raw = await Deno.readFile(await write("raw", "quant"));
    assert.equal(raw.length, 18 * 5 * 4);
    const values = new Float32Array(raw.buffer);
    const quant = { dtype: "F32", shape: [1, 18, 5, 1, 1], data: values } as const;
    assert.deepEqual(tokensFromQuant(quant).packed, data.packed);

    const npy = readNpy(await Deno.readFile(await write("npy", "indices")));
    assert.deepEqual([npy.dtype, npy.shape], ["I32", [5, 1, 1]]);
    assert.deepEqual(tokensFromIndices(npy as Tensor<"I32">, data.shape).packed, data.packed);

    const file = readSafetensors(await Deno.readFile(await write("safetensors", "quant16")));
    assert.deepEqual(tokensFromQuant(file.tensors.get("quant") as Tensor<"F16">), data);

    using checkpoint = await openCheckpoint(await write("pt", "indices64"));
    const indices = await checkpoint.read(checkpoint.names[0]!) as Tensor<"I64">;
    assert.deepEqual(tokensFromIndices(indices, data.shape).packed, data.packed);
  });
});

for (const payload of ["packed", "range"] as const) {
  Deno.test(`channels: a stretch of an archive of ${payload} windows, which stays as it is`, async () => {
    await withFolder(async (folder) => {
      const url = `${pathToFileURL(folder)}/`;
      {
        await using sender = await openSender(url);
        await new VideoSender(codec, sender, { ...RATE, payload })
          .run(numberedFrames(100, { fps: 25 }));
      }
      const names = await filesIn(folder);
      await using receiver = await openReceiver(url);
      const receiving = new VideoReceiver(receiver, codec, { from: 1.21, to: 2.39 });
      assert.deepEqual(await take(receiving), upTo(60).slice(30));
      const { decoded, outside, undecodable } = receiving.statistics;
      assert.deepEqual([decoded, outside, undecodable], [3, 3, 0]);
      assert.deepEqual(await filesIn(folder), names);
    });
  });
}

Deno.test("channels: a folder as spool: removed when decoded, resumed after a restart", async () => {
  await withFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}/spool/?limit=4`;
    await using sender = await openSender(url);
    const sending = new VideoSender(codec, sender, RATE).run(numberedFrames(12 * 17));
    const frames: number[] = [];
    for (const windows of [3, 4, Infinity]) {
      await using receiver = await openReceiver(url);
      const taking = new VideoReceiver(receiver, codec);
      let taken = 0;
      for await (const { index } of taking.frames()) {
        if (taken++ === windows * 17) break; // the current window is sent again
        frames.push(index);
      }
    }
    await sending;
    assert.deepEqual(frames, upTo(12 * 17));
    assert.deepEqual(await filesIn(`${folder}/spool`), []);
  });
});

Deno.test("channels: a store that lists files late and out of order loses nothing", async () => {
  await withFolder(async (folder) => {
    const source = `${folder}/written`;
    const mounted = `${folder}/mounted`;
    {
      await using sender = await openSender(`${pathToFileURL(source)}/`);
      await new VideoSender(codec, sender, RATE).run(numberedFrames(6 * 17));
    }
    await Deno.mkdir(mounted);
    const names = await filesIn(source);
    const copying = async () => {
      for (const i of [0, 2, 1, 3, 5, 4]) {
        await Deno.copyFile(`${source}/${names[i]}`, `${mounted}/.${names[i]}`);
        await Deno.rename(`${mounted}/.${names[i]}`, `${mounted}/${names[i]}`);
      }
    };
    await copying();
    await using receiver = await openReceiver(`${pathToFileURL(mounted)}/`);
    assert.deepEqual(await take(new VideoReceiver(receiver, codec)), upTo(6 * 17));
    const before = await Promise.all(names.map((name) => Deno.readFile(`${source}/${name}`)));
    {
      await using again = await openSender(`${pathToFileURL(source)}/`);
      await new VideoSender(codec, again, RATE).run(numberedFrames(2 * 17));
    }
    const after = await Promise.all(names.map((name) => Deno.readFile(`${source}/${name}`)));
    assert.deepEqual(after, before, "nothing is overwritten");
    assert.equal((await filesIn(source)).length, 8);
  });
});

Deno.test("channels: tcp takes one consumer at a time; the second waits its turn or is refused", async () => {
  await using receiver = await openReceiver("tcp://127.0.0.1:0");
  await using sender = await openSender(receiver.url);
  await using second = await openSender(receiver.url, { timeout: 300 });
  const taking = take(new VideoReceiver(receiver, codec));
  await new VideoSender(codec, sender, RATE).run(numberedFrames(5 * 17));
  assert.equal((await taking).length, 85);
  assert.equal(second.counters.acknowledged, 0);
});

Deno.test({
  name: "channels: three workers on one Redis queue, each window once, in order",
  ...needs(hasBroker("redis")),
  fn: async () => {
    await using redis = await startBroker("redis");
    const url = `redis://127.0.0.1:${redis.port}/0?stream=work&limit=8&claim=600000`;
    await using sender = await openSender(url);
    const receivers = await Promise.all(upTo(3).map(() => openReceiver(url)));
    const slow = new FakeCodec(systemClock, { decode: 0.002 });
    const clock = new ManualClock();
    const receiving = new VideoReceiver(receivers, slow, { reorder: 2000, clock });
    while (receivers.some(({ counters }) => counters.connections === 0)) {
      await systemClock.sleep(5);
    }
    const taking = take(receiving);
    await new VideoSender(codec, sender, RATE).run(numberedFrames(40 * 17));
    // Time passes only when all are there.
    while (receiving.statistics.decoded < 40) await systemClock.sleep(5);
    assert.deepEqual(await drive(clock, taking), upTo(40 * 17));
    assert.equal(slow.decodedAt.length, 40, "each window was decoded once");
    assert(receivers.filter(({ counters }) => counters.received > 0).length > 1);
    for (const receiver of receivers) await receiver.close();
  },
});

Deno.test("channels: zmq push and pull lose nothing", async () => {
  await using receiver = await openReceiver("zmq+pull://127.0.0.1:0");
  await using sender = await openSender(receiver.url.replace("pull", "push"));
  const { frames } = await stream([sender, receiver], 20 * 17);
  assert.deepEqual(frames, upTo(20 * 17));
});

Deno.test("channels: zmq pub and sub may lose windows, and the statistics say which", async () => {
  await using sender = await openSender("zmq+pub://127.0.0.1:0");
  await using receiver = await openReceiver(sender.url.replace("pub", "sub"));
  while (sender.counters.connections === 0) await new Promise((r) => setTimeout(r, 10));
  const slow = new FakeCodec(systemClock, { decode: 0.01 });
  const receiving = new VideoReceiver(receiver, slow);
  const [, frames] = await Promise.all([
    new VideoSender(codec, sender, RATE).run(numberedFrames(60 * 17)),
    take(receiving),
  ]);
  const { missing, joinedAt } = receiving.statistics;
  const listed = missing.flatMap(({ from, to }) => upTo(to - from + 1).map((i) => from + i));
  const windows = frames.filter((index) => index % 17 === 0).map((index) => index / 17);
  const all = [...upTo(joinedAt), ...windows, ...listed].sort((a, b) => a - b);
  assert.deepEqual(all, upTo(60));
});

for (const payload of ["packed", "range"] as const) {
  Deno.test(`channels: a receiver killed 20 times with ${payload}: each frame once`, async () => {
    await withFolder(async (folder) => {
      const url = `tcp://127.0.0.1:${freePort()}`;
      await using sender = await openSender(url);
      const sending = new VideoSender(codec, sender, { ...RATE, payload, keyEvery: 7 });
      const run = sending.run(numberedFrames(60 * 17));
      const next = random(1);
      let frames: number[] = [];
      for (let life = 0; life <= 20; life++) {
        using journal = await WindowJournal.open(`${folder}/journal`);
        await using receiver = await openReceiver(url);
        const taking = new VideoReceiver(receiver, codec, { journal });
        const before = frames.length;
        frames = [];
        for await (const { index } of taking.frames()) {
          frames.push(index);
          if (life < 20 && frames.length > before + next() * 60) break;
        }
      }
      const statistics = await run;
      assert.deepEqual(frames, upTo(60 * 17));
      assert.deepEqual(statistics.dropped, []);
      assert(statistics.inFlight.most <= 3);
    });
  });
}

Deno.test("channels: without a journal a new receiver of range coded windows waits for a key", async () => {
  await using first = await openReceiver("tcp://127.0.0.1:0");
  await using sender = await openSender(first.url);
  const sending = new VideoSender(codec, sender, { ...RATE, payload: "range", keyEvery: 8 });
  const run = sending.run(numberedFrames(40 * 17));
  let taken = 0;
  for await (const _ of new VideoReceiver(first, codec).frames()) if (++taken === 60) break;
  await first.close();
  await using second = await openReceiver(first.url);
  const receiving = new VideoReceiver(second, codec);
  const frames = await take(receiving);
  await run;
  const { undecodable, joinedAt, missingCount } = receiving.statistics;
  assert(undecodable <= 3, "the sender makes a key window for the new connection");
  assert.equal(frames.length / 17, 40 - joinedAt - missingCount);
});

Deno.test("channels: a restarted sender is a new stream", async () => {
  const { sender, receiver } = memoryChannel();
  const events: string[] = [];
  const receiving = new VideoReceiver(receiver, codec, { onEvent: (event) => events.push(event) });
  const taking = take(receiving);
  const abort = new AbortController();
  const frames = async function* () {
    yield* numberedFrames(40);
    abort.abort(new Error("killed"));
  };
  const options = { ...RATE, payload: "range" } as const;
  await assert.rejects(
    new VideoSender(codec, sender, { ...options, signal: abort.signal }).run(frames()),
    /killed/,
  );
  const second = new VideoSender(codec, sender, options);
  await second.run(numberedFrames(51));
  const numbers = await taking;
  assert.deepEqual(numbers.slice(-51), upTo(51));
  assert(events.some((event) => event.includes(`replaced by ${second.streamId}`)));
  assert.equal(receiving.statistics.undecodable, 0);
});

Deno.test("channels: two senders on one channel make no mixed video", async () => {
  const { sender, receiver } = memoryChannel();
  const events: string[] = [];
  const clock = new ManualClock();
  const onEvent = (event: string) => events.push(event);
  const receiving = new VideoReceiver(receiver, codec, { onEvent, clock });
  const taking = take(receiving);
  const streams = [await recorded(), await recorded()];
  for (let i = 0; i < 4; i++) {
    for (const messages of streams) await sender.send(messages[i]!);
  }
  // The one that began last goes on; what comes of the other is left out until it is silent.
  await until(() => receiving.statistics.decoded === 5);
  assert.equal(receiving.statistics.foreign, 3);
  assert.equal(receiving.statistics.streams, 2);
  assert.equal(events.filter((event) => event.includes("left out stream")).length, 1);
  await clock.advance(3000);
  for (const message of streams[0]!.slice(4)) await sender.send(message);
  await taking;
  assert.equal(receiving.statistics.streams, 3);
  assert.equal(receiving.statistics.foreign, 3);
});

Deno.test("channels: a stream sent again under its id continues where it ended", async () => {
  const { sender, receiver } = memoryChannel();
  const receiving = new VideoReceiver(receiver, codec);
  const taking = take(receiving);
  const options = { ...RATE, payload: "range", streamId: "00000000000000ee" } as const;
  const abort = new AbortController();
  const frames = async function* () {
    yield* numberedFrames(5 * 17 + 3);
    abort.abort(new Error("killed"));
  };
  const reconnected: Sender = {
    ...wrap(sender),
    get counters() {
      return { ...sender.counters, connections: sender.counters.sent < 3 ? 1 : 2 };
    },
  };
  await assert.rejects(
    new VideoSender(codec, reconnected, { ...options, signal: abort.signal }).run(frames()),
  );
  await new VideoSender(codec, sender, options).run(numberedFrames(9 * 17));
  assert.deepEqual(await taking, upTo(9 * 17));
  const { duplicates, damaged, undecodable } = receiving.statistics;
  assert(duplicates > 0);
  assert.deepEqual([damaged, undecodable], [0, 0]);
});

Deno.test("channels: a damaged window is counted and skipped, the stream continues", async () => {
  for (const payload of ["packed", "range"] as const) {
    const { sender, receiver } = memoryChannel();
    const damaging: Sender = {
      ...wrap(sender),
      async send(message, options) {
        const damaged = message.payload.slice();
        if (message.sequence === 4) damaged[damaged.length - 1]! ^= 0x41;
        await sender.send({ ...message, payload: damaged }, options);
      },
    };
    const { frames, received } = await stream([damaging, receiver], 12 * 17, {
      payload,
      keyEvery: 6,
    });
    const lost = payload === "packed" ? [4] : [4, 5];
    assert.deepEqual(received.missing.flatMap(({ from, to }) => [from, to]), [
      lost[0],
      lost.at(-1),
    ]);
    assert.equal(received.damaged, 1);
    assert.equal(received.undecodable, lost.length - 1);
    assert.equal(frames.length, (12 - lost.length) * 17);
  }
});

/** A sender that can be changed in parts. */
function wrap(sender: Sender): Sender {
  return {
    url: sender.url,
    writable: sender.writable,
    get counters() {
      return sender.counters;
    },
    send: (message, options) => sender.send(message, options),
    flush: () => sender.flush(),
    close: () => sender.close(),
    [Symbol.asyncDispose]: () => sender.close(),
  };
}
