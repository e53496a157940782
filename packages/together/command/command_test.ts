import { VideoReader } from "@vcs/media/video_reader";
import { decodeAudio } from "@vcs/media/audio";
import { encodeWav } from "@vcs/media/wav";
import { freePort, type UsageError } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { checkReadme } from "#testing/readme.ts";
import { brightness, type Level, loudness, onsets, THRESHOLD } from "../testing/claps.ts";
import { VideoWriter } from "@vcs/media/video_writer";
import { together } from "./command.ts";

Deno.test("command: the README's table is that of the command", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), together);
});

const context = { signal: new AbortController().signal, env: () => undefined, note: () => {} };

for (
  const [args, message] of [
    [["decode", "tcp://127.0.0.1:0"], /expected either -o FILE or --page$/],
    [
      ["decode", "tcp://127.0.0.1:0", "-o", "a.mp4", "--page"],
      /expected either -o FILE or --page$/,
    ],
    [["encode", "a.mp4"], /found 1 argument, expected FILM CHANNEL$/],
    [["encode", "--bitrate", "99", "a", "b"], /--bitrate: found "99"/],
    [["encode", "--size", "100", "a", "b"], /--size: found "100", expected multiples of 8/],
  ] as const
) {
  Deno.test(`command: refuses ${args.join(" ")}`, async () => {
    await assert.rejects(together.invoke(args, context), (error: UsageError) => {
      assert.equal(error.name, "UsageError");
      assert.match(error.message, message);
      return true;
    });
  });
}

/** Starts the command in a process of its own. */
function start(...args: string[]) {
  const main = fileURLToPath(new URL("../mod.ts", import.meta.url));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--frozen", main, ...args],
    env: { NO_COLOR: "1" },
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).output().then(({ code, stderr }) => ({ code, said: new TextDecoder().decode(stderr) }));
}

Deno.test("command: a film with sound goes from one process to another over TCP", async () => {
  const folder = await Deno.makeTempDir();
  const sound = new Float32Array(48_000);
  sound.fill(0.5, 24_000, 26_000);
  await Deno.writeFile(`${folder}/sound.wav`, encodeWav([sound], { sampleRate: 48_000 }));
  {
    await using video = await VideoWriter.open(`${folder}/film.mp4`, {
      ...{ width: 96, height: 64, fps: 25 },
    });
    for (let i = 0; i < 25; i++) {
      await video.add({ data: new Uint8Array(96 * 64 * 3).fill(i < 13 ? 20 : 240) });
    }
  }
  const url = `tcp://127.0.0.1:${freePort()}`;
  const film = ["--sound", `${folder}/sound.wav`, "--size", "64", `${folder}/film.mp4`];
  const [received, sent] = await Promise.all([
    start("decode", url, "-o", `${folder}/copy.mp4`),
    start("encode", ...film, url),
  ]);
  assert.deepEqual([received.code, sent.code], [0, 0], received.said + sent.said);
  assert.match(
    sent.said,
    /^sent 2 windows of pictures, \d blocks of sound, 0 dropped, \d+ bytes$/m,
  );
  assert.match(received.said, /^2 windows of pictures, 0 missing; \d blocks of sound, 0 lost/m);
  await using copy = await VideoReader.open(`${folder}/copy.mp4`);
  const levels: Level[] = [];
  for await (const { pts, data } of copy.frames()) levels.push([pts, brightness(data)]);
  const { channels: [left] } = await decodeAudio(`${folder}/copy.mp4`);
  const [seen] = onsets(levels, THRESHOLD.seen);
  const [heard] = onsets(loudness(left!, 48_000), 0.1);
  assert.deepEqual([copy.info.frameCount, copy.info.width > copy.info.height], [25, true]);
  assert.ok(Math.abs(seen! - 0.52) < 1e-3 && Math.abs(heard! - 0.5) < 0.03, `${seen} ${heard}`);
  await Deno.remove(folder, { recursive: true });
});
