import { Encoder } from "@vcs/encodec-stream";
import { memoryChannel, openReceiver, openSender } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { openDecoder, openEncoder } from "@vcs/video-vq";
import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { hasBroker, startBroker } from "../../transport/trial/brokers.ts";
import {
  brightness,
  CLAPS,
  clicks,
  flashes,
  FPS,
  type Level,
  loudness,
  offsets,
  onsets,
  RATE,
  SIDE,
  THRESHOLD,
} from "../testing/claps.ts";
import { type FilmOutput, FilmReceiver, SOUND } from "./film_receiver.ts";
import { FilmSender } from "./film_sender.ts";
import type { Film } from "./film_source.ts";
import type { TrackReceiver, TrackSender } from "./tracks.ts";

/** Seconds of the film of claps that are used: two claps. */
const SECONDS = 2.6;

/** The beginning of the film of claps. */
function beginning(hasSound = true): Film {
  const frames = function* () {
    for (const frame of flashes()) {
      if (frame.pts >= SECONDS) return;
      yield frame;
    }
  };
  const sound = function* () {
    for (const piece of clicks().take(Math.round(10 * SECONDS))) yield [piece];
  };
  return {
    video: { frames: ReadableStream.from(frames()), frameRate: [FPS, 1], live: false },
    sound: hasSound ? ReadableStream.from(sound()) : undefined,
  };
}

/** Keeps what came. */
class Seen implements FilmOutput {
  hasSound: boolean | undefined;
  readonly pictures: Level[] = [];
  readonly samples = new Float32Array(SOUND.sampleRate * 10);
  heardFrom = Infinity;
  heardUpTo = 0;

  begin(hasSound: boolean): void {
    this.hasSound = hasSound;
  }

  frame({ data }: { data: Uint8Array }, second: number): Promise<void> {
    this.pictures.push([second, brightness(data)]);
    return Promise.resolve();
  }

  sound([left]: Float32Array[], second: number): Promise<void> {
    this.samples.set(left!, Math.round(second * SOUND.sampleRate));
    this.heardFrom = Math.min(this.heardFrom, second);
    this.heardUpTo = second + left!.length / SOUND.sampleRate;
    return Promise.resolve();
  }

  /** Seconds at which it flashes and clicks. */
  get claps(): { seen: number[]; heard: number[] } {
    return {
      seen: onsets(this.pictures, THRESHOLD.seen),
      heard: onsets(loudness(this.samples, SOUND.sampleRate), THRESHOLD.heard),
    };
  }
}

/** Networks of both ends. */
async function opened() {
  const stack = new DisposableStack();
  const video = stack.use(await openEncoder("vq-tiny"));
  const sound = stack.use(await Encoder.open("encodec_tiny_24khz"));
  const decoder = stack.use(await openDecoder("vq-tiny"));
  const send = (film: Film, channel: TrackSender) =>
    new FilmSender(film, channel, { video, sound }, { width: SIDE, height: SIDE }).run();
  return { send, decoder, [Symbol.dispose]: () => stack.dispose() };
}

Deno.test({
  name: "film: pictures and sound go over NATS side by side",
  ...needs(hasBroker("nats")),
  async fn() {
    using networks = await opened();
    await using broker = await startBroker("nats");
    const url = `nats://127.0.0.1:${broker.port}?stream=film`;
    await using channel: TrackReceiver & AsyncDisposable = await openReceiver(url);
    await using out = await openSender(url);
    const seen = new Seen();
    const receiver = new FilmReceiver(channel, networks.decoder);
    await Promise.all([networks.send(beginning(), out), receiver.run(seen)]);
    assert.equal(seen.hasSound, true);
    assert.equal(seen.pictures.length, SECONDS * FPS);
    assert.ok(Math.abs(seen.heardUpTo - SECONDS) < 0.05, `${seen.heardUpTo}`);
    const { seen: pictures, heard } = seen.claps;
    const found = offsets(pictures, heard);
    assert.equal(found.length, 2);
    for (const offset of found) assert.ok(Math.abs(offset) < 0.04, `${offset}`);
    const { video, sound, foreign } = receiver.statistics;
    assert.deepEqual([video.missingCount, sound?.lost, foreign], [0, 0, 0]);
  },
});

Deno.test("film: one without sound says so; the next one follows it, also after a sender that was killed", async () => {
  using networks = await opened();
  const { sender, receiver: channel } = memoryChannel();
  const seen = new Seen();
  const receiver = new FilmReceiver(channel, networks.decoder);
  const killed: TrackSender = {
    counters: sender.counters,
    flush: () => sender.flush(),
    send: async (one, options) => {
      if (!one.end) await sender.send(one, options); // the end is what a killed one does not send
    },
  };
  await Promise.all([
    receiver.run(seen),
    networks.send(beginning(false), killed).then(() => networks.send(beginning(false), sender)),
  ]);
  assert.equal(seen.hasSound, false);
  const steps = seen.pictures.slice(1).map(([second], i) => second - seen.pictures[i]![0]);
  assert.ok(seen.pictures.length > SECONDS * FPS, `${seen.pictures.length}`);
  for (const step of steps) assert.ok(Math.abs(step - 1 / FPS) < 1e-6, `${step}`);
  const { seen: pictures } = seen.claps;
  assert.deepEqual(pictures.slice(0, 2).map((second) => second.toFixed(2)), [
    CLAPS[0]!.toFixed(2),
    CLAPS[1]!.toFixed(2),
  ]);
});

Deno.test("film: who joins late hears and sees each at its own second", async () => {
  using networks = await opened();
  const { sender, receiver: channel } = memoryChannel();
  const late: TrackReceiver = {
    async receive(options) {
      for (;;) {
        const delivery = await channel.receive(options);
        if (!delivery || delivery.message.pts >= 1.3) return delivery;
        await delivery.accept();
      }
    },
  };
  const seen = new Seen();
  const receiving = new FilmReceiver(late, networks.decoder).run(seen);
  await Promise.all([networks.send(beginning(), sender), receiving]);
  // All begins with what came first, whichever that was, and lies as it did in the source.
  const moved = seen.pictures[0]![0] - 1.36;
  assert.ok(seen.heardFrom - moved > 2.1 && seen.heardFrom - moved < 2.2, `${seen.heardFrom}`);
  assert.ok(Math.abs(seen.heardUpTo - moved - SECONDS) < 0.05, `${seen.heardUpTo}`);
});

Deno.test("film: what is none of a film's is counted; a channel that ends at once is an empty film", async () => {
  using networks = await opened();
  const { sender, receiver: channel } = memoryChannel();
  const seen = new Seen();
  const receiver = new FilmReceiver(channel, networks.decoder);
  const sending = (async () => {
    await sender.send(message(Uint8Array.of(1, 2, 3)));
    await sender.send(message(new Uint8Array(0), { sequence: 1, end: true }));
  })();
  await Promise.all([receiver.run(seen), sending]);
  assert.deepEqual([seen.hasSound, seen.pictures.length], [false, 0]);
  assert.equal(receiver.statistics.foreign, 2);
});

Deno.test("film: what fails on one track ends the other", async () => {
  using networks = await opened();
  const { sender, receiver: channel } = memoryChannel();
  const broken: Film = {
    ...beginning(),
    sound: ReadableStream.from((async function* () {
      yield [new Float32Array(RATE)];
      await Promise.resolve();
      throw new Error("the microphone is gone");
    })()),
  };
  const seen = new Seen();
  const receiver = new FilmReceiver(channel, networks.decoder);
  const receiving = receiver.run(seen);
  await assert.rejects(networks.send(broken, sender), /the microphone is gone/);
  await sender.close();
  await receiving;
  const failing: FilmOutput = {
    begin: () => {},
    frame: () => Promise.reject(new Error("the disk is full")),
    sound: () => Promise.resolve(),
  };
  const again = memoryChannel();
  const stop = new AbortController();
  const sending = networks.send(beginning(), {
    counters: again.sender.counters,
    flush: () => Promise.resolve(),
    send: (one) => again.sender.send(one, { signal: stop.signal }),
  }).catch(() => {});
  const other = new FilmReceiver(again.receiver, networks.decoder);
  await assert.rejects(other.run(failing), /the disk is full/);
  stop.abort();
  await sending;
});
