/** What a command runs before its first window: the first runs of a session take longer. */
import { VideoWriter } from "@vcs/media/video_writer";
import { openSender } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { filesIn } from "../testing/fakes.ts";
import { goodMessage } from "../testing/hostile.ts";
import { spiedSessions } from "../testing/spied_sessions.ts";
import { videoVq } from "./command.ts";

const context = { signal: new AbortController().signal, env: () => undefined, note: () => {} };
const MODEL = ["--model", "vq-tiny", "--device", "cpu"];

Deno.test("warm-up: decode --play runs blank windows of 128x128 at open, decode alone none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const url = pathToFileURL(`${folder}/windows`).href;
    for (const play of [true, false]) {
      {
        await using sender = await openSender(url);
        await sender.send(goodMessage(0, { end: true }));
        await sender.flush();
      }
      using sessions = spiedSessions();
      const args = [...MODEL, "--force", ...(play ? ["--play"] : []), url, `${folder}/out.rgb`];
      assert.equal(await videoVq.invoke(["decode", ...args], context), 0);
      const blank = play ? ["1x18x5x16x16", "1x18x5x16x16"] : [];
      assert.deepEqual(sessions.runs, [...blank, "1x18x5x2x2"]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("warm-up: encode runs blank windows of its size at open", async () => {
  const folder = await Deno.makeTempDir();
  try {
    {
      await using clip = await VideoWriter.open(`${folder}/clip.mp4`, {
        width: 32,
        height: 32,
        fps: 25,
      });
      for (let i = 0; i < 18; i++) {
        await clip.add({ data: new Uint8Array(32 * 32 * 3).fill(9 * i) });
      }
    }
    using sessions = spiedSessions();
    const url = pathToFileURL(`${folder}/windows`).href;
    await videoVq.invoke(["encode", ...MODEL, "--size", "32", `${folder}/clip.mp4`, url], context);
    assert.equal((await filesIn(`${folder}/windows`)).length, 2);
    assert.deepEqual(sessions.runs, new Array(2 + 2).fill("1x3x17x32x32"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
