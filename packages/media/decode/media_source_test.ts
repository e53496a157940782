import assert from "node:assert/strict";
import { findProgram, hasPrograms, needs } from "#testing/shared.ts";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import { openSource, readSource } from "./media_source.ts";
import { encodeWav } from "@vcs/media/wav";
import { VideoWriter } from "@vcs/media/video_writer";

/** A named pipe, which is removed afterwards. Who waits for it without end gets a byte at last. */
async function withPipe(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/pipe`;
  const fallback = setInterval(async () => {
    using pipe = await Deno.open(path, { read: true, write: true });
    await pipe.write(new Uint8Array(1));
  }, 30_000);
  try {
    await new Deno.Command(findProgram("mkfifo")!, { args: [path] }).output();
    await use(path);
  } finally {
    clearInterval(fallback);
    await Deno.remove(folder, { recursive: true });
  }
}

/** An answer whose body is sent as the function says. */
async function withServer(
  body: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const answer = () => new Response(new ReadableStream({ start: body }));
  const onError = () => new Response(null, { status: 500 });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {}, onError }, answer);
  try {
    await use(`http://127.0.0.1:${server.addr.port}/clip.mp4`);
  } finally {
    await server.shutdown();
  }
}

/** A clock whose limit for servers is over when the test says so. */
function stallingClock() {
  let waits = 0;
  let end = () => {};
  return {
    now: () => 0,
    sleep: () => new Promise<void>((resolve) => (waits++, end = resolve)),
    async stallAfter(wait: number) {
      for (let tries = 0; waits < wait; tries++) {
        assert.ok(tries < 6000, `waited ${waits} times of ${wait}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      end();
    },
  };
}

Deno.test("a server that sends nothing more is given up with the reason, and hung up on", async () => {
  const hungUp = Promise.withResolvers<void>();
  const start = (stream: ReadableStreamDefaultController) => stream.enqueue(new Uint8Array(100));
  const answer = () => new Response(new ReadableStream({ start, cancel: () => hungUp.resolve() }));
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  const url = `http://127.0.0.1:${server.addr.port}/song.mp3`;
  const clock = stallingClock();
  const refused = assert.rejects(openSource(url, { clock }), {
    code: "download-failed",
    message: `Cannot read ${url}: nothing came for 30 s`,
  });
  // The answer, the hundred bytes, and nothing.
  await clock.stallAfter(3);
  await refused;
  await hungUp.promise;
});

Deno.test("a server that does not answer is given up with the reason", async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  const answer = () => (asked.resolve(), never.promise);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  const url = `http://127.0.0.1:${server.addr.port}/song.mp3`;
  const clock = stallingClock();
  const refused = assert.rejects(readSource(url, undefined, clock), {
    code: "download-failed",
    message: `Cannot read ${url}: nothing came for 30 s`,
  });
  await asked.promise;
  await clock.stallAfter(1);
  await refused;
  never.resolve(new Response());
});

const pipeTest = (name: string, fn: (path: string) => Promise<void>) =>
  Deno.test({ name, ...needs(hasPrograms("mkfifo")), fn: () => withPipe(fn) });

pipeTest("opening a pipe that nobody writes to ends with its signal", async (path) => {
  for (const open of [VideoReader.open, decodeAudio]) {
    const abort = new AbortController();
    const opening = open(path, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await assert.rejects(opening, /enough/);
  }
});

pipeTest("what ends a wait for a pipe is not read from it by the next reader", async (path) => {
  // In a process of its own: what other tests start here holds what is open for a moment, too.
  const script = import.meta.resolve("../testdata/ended_waits.ts");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, path],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
});

pipeTest("a reader ends with its signal while a writer fills the pipe", async (path) => {
  const abort = new AbortController();
  const bytes = await readSource(path, abort.signal);
  await using writer = new Deno.Command("dd", {
    args: ["if=/dev/zero", `of=${path}`, "bs=65536"],
    stderr: "null",
  }).spawn();
  await assert.rejects(async () => {
    for await (const _ of bytes) setTimeout(() => abort.abort(new Error("enough")), 5);
  }, /enough/);
  // Nobody reads any more.
  assert.equal((await writer.status).success, false);
});

pipeTest("reading a pipe whose writer stalls ends with its signal", async (path) => {
  const abort = new AbortController();
  const opening = VideoReader.open(path, { signal: abort.signal });
  using writer = await Deno.open(path, { write: true });
  await writer.write(new Uint8Array(100));
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await assert.rejects(opening, /enough/);
});

pipeTest("video and sound are read from a pipe", async (path) => {
  const file = await Deno.makeTempFile({ suffix: ".mp4" });
  const writer = await VideoWriter.open(file, { width: 32, height: 16, fps: 10 });
  for (let n = 0; n < 5; n++) await writer.add({ data: new Uint8Array(32 * 16 * 3).fill(40 * n) });
  await writer.close();
  const sent = async (bytes: Uint8Array) => await Deno.writeFile(path, bytes, { create: false });
  const sending = Deno.readFile(file).then(sent);
  await using video = await VideoReader.open(path);
  await sending;
  assert.equal(video.info.frameCount, 5);
  const sound = encodeWav([new Float32Array(3000)], { sampleRate: 8000 });
  const [audio] = await Promise.all([decodeAudio(path), sent(sound)]);
  assert.equal(audio.channels[0]!.length, 3000);
  await Deno.remove(file);
});

Deno.test("a URL that stalls ends with its signal", async () => {
  const stalling = (controller: ReadableStreamDefaultController<Uint8Array>) =>
    controller.enqueue(new Uint8Array(100));
  await withServer(stalling, async (url) => {
    for (const open of [VideoReader.open, decodeAudio]) {
      const abort = new AbortController();
      const opening = open(url, { signal: abort.signal });
      setTimeout(() => abort.abort(new Error("enough")), 50);
      await assert.rejects(opening, /enough/);
    }
  });
});

Deno.test("errors of a URL name it", async () => {
  const breaking = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    controller.enqueue(new Uint8Array(100));
    setTimeout(() => controller.error(new Error("broken")), 20);
  };
  await withServer(breaking, async (url) => {
    for (const open of [VideoReader.open, decodeAudio]) {
      await assert.rejects(open(url), (error: { code?: string; message: string }) => {
        assert.equal(error.code, "download-failed");
        return error.message.startsWith(`Cannot read ${url}: `);
      });
    }
  });
  const closed = "http://127.0.0.1:1/clip.mp4";
  await assert.rejects(VideoReader.open(closed), (error: { code?: string; message: string }) => {
    assert.equal(error.code, "download-failed");
    return error.message.startsWith(`Cannot read ${closed}: `);
  });
});

Deno.test("errors about bytes do not name a temporary file", async () => {
  for (const backend of ["node-av", "ffmpeg"] as const) {
    if (backend === "ffmpeg" && !hasPrograms("ffmpeg", "ffprobe")) continue;
    for (const open of [VideoReader.open, decodeAudio]) {
      const opening = open(new Uint8Array(5000).fill(7), { backend });
      await assert.rejects(opening, (error: { code?: string; message: string }) => {
        assert.equal(error.code, "invalid-media");
        return error.message.includes("the bytes") && !error.message.includes("vcs-media-");
      });
    }
  }
});
