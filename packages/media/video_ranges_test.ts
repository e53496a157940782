import assert from "node:assert/strict";
import { findProgram, hasPrograms, needs } from "#testing/shared.ts";
import { RangeServer } from "#testing/range_server.ts";
import { VideoReader } from "./video_reader.ts";

/** Samples of a clip of 16 s with a key frame every 2 s. */
const IDS = [0, 60, 160, 161, 255, 399];

type Bytes = Uint8Array<ArrayBuffer>;

/** A clip in a file of this name, encoded so. */
async function clip(name: string, ...encoding: string[]): Promise<Bytes> {
  const folder = await Deno.makeTempDir();
  try {
    const source = "testsrc2=size=320x180:rate=25:duration=16,noise=alls=24:allf=t[out0];" +
      "sine=duration=16[out1]";
    const args = ["-v", "error", "-f", "lavfi", "-i", source, "-g", "50", "-threads", "1"];
    if (!encoding.includes("-c:a")) args.push("-an");
    const path = `${folder}/${name}`;
    const made = await new Deno.Command(findProgram("ffmpeg")!, {
      args: [...args, ...encoding, path],
    }).output();
    assert.equal(made.code, 0, new TextDecoder().decode(made.stderr));
    return await Deno.readFile(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a reader says of a source after it has read some frames. */
async function seenOf(source: string | Bytes, ids: number[]) {
  await using video = await VideoReader.open(source, { ranges: "rate", backend: "node-av" });
  await Array.fromAsync(video.framesAt(ids), () => {});
  return { received: video.received };
}

/** What a reader says and shows of a source. */
async function seen(source: string | Bytes, ranges: boolean | "rate") {
  await using video = await VideoReader.open(source, { ranges, backend: "node-av" });
  const frames = [];
  for await (const { index, pts, data } of video.framesAt(IDS)) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data as Bytes)).toHex();
    frames.push({ index, pts, hash });
  }
  return { index: video.index, info: video.info, frames, received: video.received };
}

const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p"];
const X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"];

const READ_IN_PARTS: Record<string, string[]> = {
  "H.264, listed at its end": X264,
  "H.264, listed at its beginning": [...X264, "-movflags", "faststart"],
  "H.265": [...X265, "-pix_fmt", "yuv420p"],
  "MPEG-4": ["-c:v", "mpeg4", "-bf", "1", "-q:v", "5"],
};

for (const [name, encoding] of Object.entries(READ_IN_PARTS)) {
  Deno.test({
    name: `of a film on a server no more is read than the frames need: ${name}`,
    ...needs(hasPrograms("ffmpeg")),
    fn: async () => {
      const bytes = await clip("film.mp4", ...encoding);
      await using server = new RangeServer(bytes);
      const { received, ...there } = await seen(server.url, true);
      const { received: none, ...here } = await seen(bytes, false);
      assert.deepEqual(there, here);
      assert.equal(none, undefined);
      assert.equal(received?.whole, undefined);
      assert.deepEqual([received?.of, received?.bytes], [bytes.length, server.sent]);
      const share = server.sent / bytes.length;
      assert.ok(share < 0.5, `read ${share} of the film`);
    },
  });
}

const LIBVPX = ["-deadline", "realtime", "-cpu-used", "8"];

/** Films of which Matroska lists the key frames. */
const COUNTED: Record<string, [file: string, rate: number, ...encoding: string[]]> = {
  "H.264": ["film.mkv", 25, ...X264],
  "H.264, listed before its frames": ["film.mkv", 25, ...X264, "-reserve_index_space", "10k"],
  "H.265 of open groups, with sound": [
    ...["film.mkv", 25] as const,
    ...[...X265, "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-f", "matroska"],
  ],
  "VP9 at a rate of NTSC": [
    "film.webm",
    30000 / 1001,
    "-vf",
    "fps=ntsc",
    "-c:v",
    "libvpx-vp9",
    ...LIBVPX,
  ],
};

for (const [name, [file, rate, ...encoding]] of Object.entries(COUNTED)) {
  Deno.test({
    name: `of a film whose key frames are listed no more is read than is asked for: ${name}`,
    ...needs(hasPrograms("ffmpeg")),
    fn: async () => {
      const bytes = await clip(file, ...encoding);
      await using server = new RangeServer(bytes, file);
      const { received, index, ...there } = await seen(server.url, "rate");
      const here = await seen(bytes, false);
      assert.deepEqual(there, { info: here.info, frames: here.frames });
      assert.deepEqual(index.map(({ pts }) => pts), here.index.map(({ pts }) => pts));
      const keys = (list: typeof index) => list.map(({ keyframe }) => keyframe);
      assert.deepEqual(keys(index), keys(here.index));
      assert.equal(received?.whole, undefined);
      assert.ok(Math.abs(received!.countedAt! - rate) < 1e-4, `${received!.countedAt}`);
      const share = server.sent / bytes.length;
      assert.ok(share < 0.6, `read ${share} of the film`);
      // What is kept of it is of no use where all frames are to be listed.
      assert.match((await seen(server.url, true)).received!.whole!, /no MP4 file/);
    },
  });
}

const UNSTEADY = "-vf select=not(mod(n\\,3))+lt(n\\,200) -fps_mode passthrough".split(" ");
const GAP = "-vf select=not(between(n\\,155\\,165)) -fps_mode passthrough".split(" ");

Deno.test({
  name: "what does not come at a constant rate is fetched, and where that shows late is an error",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    const unsteady = await clip("film.mkv", ...UNSTEADY, ...X264);
    await using server = new RangeServer(unsteady, "film.mkv");
    const { received } = await seenOf(server.url, [0, 200]);
    assert.match(received!.whole!, /not come at a constant rate/);
    // A gap shows nowhere but where it is.
    server.bytes = await clip("film.mkv", ...GAP, ...X264);
    server.tag = '"v2"';
    assert.equal((await seenOf(server.url, [0, 60, 300])).received!.whole, undefined);
    const message = /they were counted at 25 a second, and the film has others here/;
    await assert.rejects(seenOf(server.url, [160]), { code: "decode-failed", message });
  },
});

const READ_WHOLE: Record<string, [file: string, why: RegExp, ...encoding: string[]]> = {
  "Matroska": ["film.mkv", /no MP4 file that lists its frames/, ...X264],
  "fragments": [
    "film.mp4",
    /no MP4 file that lists its frames/,
    ...[...X264, "-movflags", "frag_keyframe+empty_moov"],
  ],
  "VP9": [
    "film.mp4",
    /frames of vp9/,
    "-c:v",
    "libvpx-vp9",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
  ],
};

for (const [name, [file, why, ...encoding]] of Object.entries(READ_WHOLE)) {
  Deno.test({
    name: `a film that does not list its frames is fetched, and says why: ${name}`,
    ...needs(hasPrograms("ffmpeg")),
    fn: async () => {
      const bytes = await clip(file, ...encoding);
      await using server = new RangeServer(bytes, file);
      const { received, ...there } = await seen(server.url, true);
      const { received: _, ...here } = await seen(bytes, false);
      assert.deepEqual(there, here);
      assert.match(received?.whole ?? "", why);
      assert.equal(server.sent, bytes.length);
    },
  });
}

Deno.test({
  name: "a film that changes, ends or is no longer there while it is read is an error",
  ...needs(hasPrograms("ffmpeg")),
  fn: async (t) => {
    const bytes = await clip("film.mp4", ...X264, "-movflags", "faststart");
    const read = async (change: (server: RangeServer) => void) => {
      await using server = new RangeServer(bytes);
      await using video = await VideoReader.open(server.url, { ranges: true, backend: "node-av" });
      change(server);
      await Array.fromAsync(video.framesAt([390]));
    };
    await t.step("replaced", async () => {
      const change = (server: RangeServer) => void (server.tag = '"v2"');
      await assert.rejects(read(change), { code: "download-failed", message: /it changed/ });
    });
    await t.step("removed", async () => {
      const change = (server: RangeServer) =>
        void (server.instead = () => new Response(null, { status: 404 }));
      const message = /its server answers 404/;
      await assert.rejects(read(change), { name: "MediaError", code: "download-failed", message });
    });
    await t.step("given up", async () => {
      await using server = new RangeServer(bytes);
      await using video = await VideoReader.open(server.url, { ranges: true, backend: "node-av" });
      const asked = Promise.withResolvers<void>();
      server.instead = () => {
        asked.resolve();
        return new Response(new ReadableStream());
      };
      const stop = new AbortController();
      const reading = Array.fromAsync(video.framesAt([390], { signal: stop.signal }));
      const refused = assert.rejects(reading, { message: "enough" });
      await asked.promise;
      stop.abort(new Error("enough"));
      await refused;
    });
  },
});

Deno.test({
  name: "over the ffmpeg programs all is fetched, and what lies in a URL comes over no network",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async () => {
    const bytes = await clip("film.mp4", ...X264);
    await using server = new RangeServer(bytes);
    const options = { ranges: true, backend: "ffmpeg" } as const;
    await using there = await VideoReader.open(server.url, options);
    const whole = "the ffmpeg programs read whole files";
    assert.deepEqual(there.received, { bytes: bytes.length, of: bytes.length, requests: 1, whole });
    const url = `data:video/mp4;base64,${bytes.toBase64()}`;
    await using here = await VideoReader.open(url, { ranges: true, backend: "node-av" });
    assert.equal(here.received, undefined);
  },
});

Deno.test({
  name: "a server that sends no ranges is read whole, once",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    const bytes = await clip("film.mp4", ...X264);
    await using server = new RangeServer(bytes);
    server.instead = () => server.whole();
    const { received, ...there } = await seen(server.url, true);
    const { received: _, ...here } = await seen(bytes, false);
    assert.deepEqual(there, here);
    assert.equal(received?.whole, "its server sends no ranges");
  },
});
