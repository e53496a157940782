/** The command over a channel: two processes, and a link between them that loses messages. */
import { openReceiver, openSender } from "@vcs/transport/channel";
import { needs } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { interleave } from "../audio/pcm.ts";
import { packCodes } from "../container/bits.ts";
import { formatHeader, UNKNOWN_LENGTH } from "../container/header.ts";
import { EcdcReader } from "../container/reader.ts";
import { Decoder } from "../decoder.ts";
import { playback } from "../playback.ts";
import { hasBroker, startBroker } from "../../transport/trial/brokers.ts";
import { freePort } from "../../transport/site/free_port.ts";
import { run, scratch, stereo } from "../testing/command.ts";

const MODEL = ["--model", "encodec_tiny_24khz", "--device", "cpu"];

/** Hands on messages from one channel to another, but for some, and spoils others. */
async function lossyLink(
  receiver: AsyncIterable<Parameters<Awaited<ReturnType<typeof openSender>>["send"]>[0]>,
  to: string,
  lost: readonly number[],
  spoiled: readonly number[],
): Promise<void> {
  await using sender = await openSender(to);
  for await (const message of receiver) {
    if (lost.includes(message.sequence)) continue;
    const isSpoiled = spoiled.includes(message.sequence);
    const payload = isSpoiled ? message.payload.slice(0, -100) : message.payload;
    await sender.send({ ...message, payload });
  }
}

/** Sends four seconds to one URL, loses some on the way, and plays what arrives at another. */
async function throughLossyLink(links: {
  readonly sent: string;
  readonly taken: Awaited<ReturnType<typeof openReceiver>>;
  readonly handedTo: string;
  readonly played: string;
}): Promise<void> {
  await using place = await scratch();
  const samples = 192_000;
  const pcm = interleave(stereo(samples), "s16");
  const out = `${place.folder}/out.wav`;
  const args = ["-d", "--device", "cpu", "--format", "wav", "-o", out, links.played];
  const results = Promise.all([
    run(args, place.env),
    run(["-b", "6", ...MODEL, "--low-latency", "-e", links.sent], place.env, pcm),
    lossyLink(links.taken, links.handedTo, [9, 10], [20]),
  ]);
  const [received, sent] = await results;
  assert.deepEqual([received.code, sent.code], [0, 0], received.stderr + sent.stderr);
  // 300 frames in chunks of 8.
  assert.match(sent.stderr, /^sent 38 blocks, 4\.00 s, \d+ bytes \(\d+\.\d kbit\/s\); encode/m);
  assert.match(received.stderr, /^received 35 blocks$/m);
  assert.match(received.stderr, /^lost 3 blocks, 0\.32 s of silence \(1 damaged\)$/m);
  assert.match(
    received.stderr,
    /^delay: 0\.107 fill \+ .* = \d+\.\d{3} s, measured \d+\.\d{3} s$/m,
  );
  const wav = await Deno.readFile(out);
  const view = new DataView(wav.buffer);
  assert.deepEqual([wav.length, view.getUint32(40, true)], [44 + samples * 4, samples * 4]);
  const peak = (from: number, to: number) =>
    Math.max(...new Int16Array(wav.buffer, 44 + from * 4, (to - from) * 2).map(Math.abs));
  const frame = 640;
  assert.ok(peak(70 * frame, 72 * frame) > 1000, "before the loss there is sound");
  assert.equal(peak(73 * frame + 100, 88 * frame - 100), 0);
  assert.ok(peak(90 * frame, 150 * frame) > 1000, "and behind it");
}

Deno.test("two processes over a lossy link: the time is kept, losses are silent and counted", async () => {
  await using taken = await openReceiver("tcp://127.0.0.1:0");
  const played = `tcp://127.0.0.1:${freePort()}`;
  await throughLossyLink({ sent: taken.url, taken, handedTo: played, played });
});

Deno.test({
  name: "two processes over a NATS server that loses messages: silent, counted, in time",
  ...needs(hasBroker("nats")),
  async fn() {
    await using broker = await startBroker("nats");
    const [sent, played] = ["sent", "played"].map((stream) =>
      `nats://127.0.0.1:${broker.port}?stream=${stream}`
    ) as [string, string];
    await using taken = await openReceiver(sent);
    await throughLossyLink({ sent, taken, handedTo: played, played });
  },
});

Deno.test("a channel is not sought in, and its failures are reported", async () => {
  await using place = await scratch();
  const sought = await run(["-ss", "3", "-d", "tcp://127.0.0.1:9"], place.env);
  assert.match(sought.stderr, /found a channel, expected a file/);
  const alone = `tcp://127.0.0.1:${freePort()}`;
  const options = ["-b", "6", ...MODEL, "--timeout", "0.5"];
  const pcm = interleave(stereo(96_000), "s16");
  const { code, stderr } = await run([...options, "-e", alone], place.env, pcm);
  assert.equal(code, 1);
  assert.match(stderr, /^encodec-stream: .*peer was not connected for 500 ms/m);
  const elsewhere = await run(["-e", "https://example.com/a.ecdc"], place.env);
  assert.equal(elsewhere.code, 2);
});

/** A live stream over HTTP: no length, a second of codes at a time, and its end when that is asked for. */
function serveLive(codes: Uint8Array<ArrayBuffer>[], whenHeard: Promise<void>) {
  const body = async function* () {
    yield* codes.slice(0, -1);
    await whenHeard;
    yield codes.at(-1)!;
  };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    return new Response(ReadableStream.from(body()));
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a live stream over HTTP, without a length, plays as it comes and to its end", async () => {
  const model = "encodec_tiny_24khz";
  const second = packCodes(Uint16Array.from({ length: 76 * 8 }, (_, i) => i * 31 % 1024));
  const header = formatHeader({ model, samples: UNKNOWN_LENGTH, codebooks: 8 });
  const heard = Promise.withResolvers<void>();
  await using server = serveLive([header, second, second, second], heard.promise);
  await using reader = await EcdcReader.open(server.url);
  using decoder = await Decoder.open(model, { device: "cpu" });
  let samples = 0;
  for await (const { start, channels } of playback(decoder, reader)) {
    samples = start + channels[0]!.length;
    if (samples > 48_000) heard.resolve();
  }
  assert.equal(samples, 3 * 76 * 320 * 2);
});
