/** The command over a channel: two processes, and a link between them that loses messages. */
import { openReceiver, openSender } from "@vcs/transport/channel";
import { freePort } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { interleave } from "../audio/pcm.ts";
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

Deno.test("two processes over a lossy link: the time is kept, losses are silent and counted", async () => {
  await using place = await scratch();
  const samples = 192_000;
  const pcm = interleave(stereo(samples), "s16");
  await using middle = await openReceiver("tcp://127.0.0.1:0");
  const to = `tcp://127.0.0.1:${freePort()}`;
  const out = `${place.folder}/out.wav`;
  const args = ["-d", "--device", "cpu", "--format", "wav", "-o", out, to];
  const results = Promise.all([
    run(args, place.env),
    run(["-b", "6", ...MODEL, "--low-latency", "-e", middle.url], place.env, pcm),
    lossyLink(middle, to, [9, 10], [20]),
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
});

Deno.test("a channel is not sought in, and its failures are reported", async () => {
  await using place = await scratch();
  const sought = await run(["-ss", "3", "-d", "tcp://127.0.0.1:9"], place.env);
  assert.match(sought.stderr, /found a channel, expected a file/);
  const lonely = `tcp://127.0.0.1:${freePort()}`;
  const options = ["-b", "6", ...MODEL, "--timeout", "0.5"];
  const pcm = interleave(stereo(96_000), "s16");
  const { code, stderr } = await run([...options, "-e", lonely], place.env, pcm);
  assert.equal(code, 1);
  assert.match(stderr, /^encodec-stream: .*peer was not connected for 500 ms/m);
  const elsewhere = await run(["-e", "https://example.com/a.ecdc"], place.env);
  assert.equal(elsewhere.code, 2);
});
