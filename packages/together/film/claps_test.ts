/**
 * What is seen and heard together still is: claps through a channel that loses, drops and is cut,
 * found again in the pictures and samples of the file and of the page.
 */
import { Encoder } from "@vcs/encodec-stream";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import { systemClock } from "@vcs/transport";
import { type Delivery, openReceiver, openSender } from "@vcs/transport/channel";
import { Condition } from "@vcs/transport/internal";
import { openDecoder, openEncoder, type TimedFrame } from "@vcs/video-vq";
import assert from "node:assert/strict";
import { hasBrowser, openBrowser, openPage } from "#testing/browser.ts";
import { FaultProxy } from "../../transport/testing/fault_proxy.ts";
import { until } from "../../transport/testing/waits.ts";
import { FilmPage } from "../page/film_page.ts";
import {
  brightness,
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
import { FilmFile } from "./film_file.ts";
import { type FilmOutput, FilmReceiver, SOUND } from "./film_receiver.ts";
import { FilmSender } from "./film_sender.ts";
import { type Track, type TrackReceiver, type TrackSender, unwrapped } from "./tracks.ts";

/** Seconds by which sound and picture may differ. */
const LIP_SYNC = 0.04;

/** Sends and receives in the time of the film, but for a while in which nothing is taken. */
class Network {
  /** Second up to which each track was passed to the channel. */
  readonly sent: Record<Track, number> = { video: 0, sound: 0 };
  readonly changed = new Condition();
  isHeld = false;
  lost = 0;

  /** Frames or samples, as a live source has them while what is sent keeps up. */
  async *live<T>(track: Track, pieces: Iterable<T>, secondOf: (piece: T) => number) {
    for (const piece of pieces) {
      const second = secondOf(piece);
      while (!this.isHeld && second > this.sent[track] + 2.2) await this.changed.changed();
      await systemClock.sleep(0);
      yield piece;
    }
  }

  /** Sees what is sent. */
  sender(channel: TrackSender): TrackSender {
    return {
      get counters() {
        return channel.counters;
      },
      flush: () => channel.flush(),
      send: async (message, options) => {
        await channel.send(message, options);
        const { track, message: { pts } } = unwrapped(message)!;
        this.sent[track] = Math.max(this.sent[track], pts);
        this.changed.notify();
      },
    };
  }

  /** Loses one of twenty messages, and takes none while it is held. */
  receiver(channel: TrackReceiver): TrackReceiver {
    return {
      receive: async (options): Promise<Delivery | undefined> => {
        for (;;) {
          const delivery = await channel.receive(options);
          while (this.isHeld) await this.changed.changed();
          const found = delivery && unwrapped(delivery.message);
          if (!found || found.message.end || found.message.sequence % 20 !== 7) return delivery;
          this.lost++;
          await delivery.accept();
        }
      },
    };
  }

  /** Nothing is taken until something is done. */
  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    this.changed.notify();
  }
}

/** Both outputs get all. */
function both(a: FilmOutput, b: FilmOutput): FilmOutput {
  return {
    begin: (hasSound) => (a.begin(hasSound), b.begin(hasSound)),
    async frame(...args) {
      await a.frame(...args);
      await b.frame(...args);
    },
    async sound(...args) {
      await a.sound(...args);
      await b.sound(...args);
    },
  };
}

/** Sends the claps, with a cut connection and full queues in the middle. */
async function stream(output: FilmOutput) {
  const network = new Network();
  using video = await openEncoder("vq-tiny");
  using sound = await Encoder.open("encodec_tiny_24khz");
  using decoder = await openDecoder("vq-tiny");
  await using channel = await openReceiver("tcp://127.0.0.1:0?credits=1");
  await using proxy = new FaultProxy(Number(new URL(channel.url).port));
  await using out = await openSender(`tcp://127.0.0.1:${proxy.port}?credits=1`);
  const frames = async function* () {
    for await (const frame of network.live("video", flashes(), ({ pts }) => pts)) {
      if (Math.abs(frame.pts - 8) < 0.5 / FPS) {
        network.hold();
        proxy.cut();
      }
      if (sender.statistics.video.droppedCount >= 2) network.release();
      yield frame satisfies TimedFrame;
    }
  };
  let samples = 0;
  const secondOf = (piece: Float32Array) => (samples += piece.length) / RATE;
  const heard = async function* () {
    for await (const piece of network.live("sound", clicks(), secondOf)) yield [piece];
  };
  const film = {
    video: { frames: frames(), frameRate: [FPS, 1] as const, live: true },
    sound: heard(),
  };
  const options = { width: SIDE, height: SIDE, policy: "drop-oldest" } as const;
  const sender = new FilmSender(film, network.sender(out), { video, sound }, options);
  const receiver = new FilmReceiver(network.receiver(channel), decoder);
  await Promise.all([sender.run(), receiver.run(output)]);
  const { dropped, droppedCount } = sender.statistics.video;
  return { network, connections: proxy.connections, dropped, droppedCount, receiver };
}

/** Offsets of the claps in a file. */
async function offsetsInFile(path: string): Promise<number[]> {
  const levels: Level[] = [];
  {
    await using video = await VideoReader.open(path);
    for await (const { pts, data } of video.frames()) levels.push([pts, brightness(data)]);
  }
  const { channels, sampleRate } = await decodeAudio(path);
  const heard = onsets(loudness(channels[0]!, sampleRate), THRESHOLD.heard);
  return offsets(onsets(levels, THRESHOLD.seen), heard);
}

/**
 * Plays what a page has received with its own player, in real pictures and samples of the browser, by
 * a clock that waits: what is on the canvas 60 times a second, and what is heard.
 */
const PLAYED = `(async (shift) => {
  const { drawOn, Player, readMessage } = await import("/player.js");
  const rate = 48000;
  const context = new OfflineAudioContext(1, 22 * rate, rate);
  const canvas = document.getElementById("screen");
  const player = new Player(context, drawOn(canvas));
  for (const buffer of globalThis.received) {
    const message = readMessage(buffer);
    if (message.planes) message.second += shift;
    player.push(message);
  }
  const seen = [];
  for (let i = 1; i < 21.5 * 60; i++) {
    context.suspend(i / 60).then(() => {
      player.show();
      const { data } = canvas.getContext("2d", { willReadFrequently: true })
        .getImageData(0, 0, canvas.width, canvas.height);
      seen.push([context.currentTime, data[4 * (32 * canvas.width + 32)]]);
      context.resume();
    });
  }
  const heard = (await context.startRendering()).getChannelData(0);
  const loud = [];
  heard.forEach((value, i) => Math.abs(value) > ${THRESHOLD.heard} && loud.push(i / rate));
  return { seen, loud };
})`;

Deno.test({
  name:
    "claps: through losses, drops and a cut, seen and heard within 40 ms, in the file and on the page",
  ignore: !hasBrowser && Deno.env.get("CI") === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/claps.mp4`;
    const clock = { now: () => 0, sleep: () => Promise.resolve() };
    await using site = await FilmPage.open({ clock });
    await using browser = await openBrowser();
    const page = await openPage(browser);
    await page.goto(site.url);
    await page.evaluate(`(() => {
      globalThis.received = [];
      const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/film");
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => received.push(data);
    })()`);
    await until(() => site.viewers === 1);
    const file = await FilmFile.open(path);
    let sent = 0;
    const counted: FilmOutput = {
      begin: () => {},
      frame: () => Promise.resolve(void sent++),
      sound: () => Promise.resolve(void sent++),
    };
    const { network, connections, droppedCount } = await stream(both(both(file, site), counted));
    await file.close();
    assert.ok(network.lost >= 2, "nothing was lost");
    assert.ok(connections >= 2, "there was no reconnection");
    assert.ok(droppedCount >= 2, "nothing was dropped");

    const inFile = await offsetsInFile(path);
    while (await page.evaluate("received.length") as number < sent) await systemClock.sleep(20);
    const onPage = async (shift: number) => {
      const { seen, loud } = await page.evaluate(`${PLAYED}(${shift})`) as {
        seen: Level[];
        loud: number[];
      };
      // The page holds the film back: both by the same.
      const late = 0.5;
      const pictures = onsets(seen.map(([s, v]): Level => [s - late, v]), THRESHOLD.seen);
      const sounds = loud.map((s): Level => [s - late, 1]).flatMap((level): Level[] => [
        level,
        [level[0] + 1e-6, 0],
      ]);
      return offsets(pictures, onsets(sounds, THRESHOLD.heard));
    };
    for (const [where, found] of [["the file", inFile], ["the page", await onPage(0)]] as const) {
      assert.ok(found.length >= 15, `${found.length} claps in ${where}`);
      const worst = Math.max(...found.map(Math.abs));
      assert.ok(worst <= LIP_SYNC, `${worst} s between flash and click in ${where}`);
    }
    // The same measure notices what is wrong.
    for (const offset of await onPage(0.1)) assert.ok(Math.abs(offset) > LIP_SYNC, `${offset}`);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("claps: an offset of 100 ms put into a file on purpose is noticed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const shift of [0, 0.1]) {
      const path = `${folder}/${shift}.mp4`;
      const file = await FilmFile.open(path);
      file.begin(true);
      const rest = { capturedAt: 0, decodedAt: 0, frameRate: [FPS, 1] as const };
      let index = 0;
      for (const frame of flashes()) {
        await file.frame({ ...frame, ...rest, index: index++ }, frame.pts);
      }
      let second = shift;
      for (const piece of clicks(SOUND.sampleRate)) {
        await file.sound([piece, piece], second);
        second += piece.length / SOUND.sampleRate;
      }
      await file.close();
      const found = await offsetsInFile(path);
      assert.equal(found.length, 20);
      for (const offset of found) {
        assert.ok(Math.abs(offset - shift) < 0.01, `${offset} s, expected ${shift}`);
        assert.equal(Math.abs(offset) > LIP_SYNC, shift > 0);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
