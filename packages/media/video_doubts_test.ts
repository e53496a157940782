/**
 * Videos whose packets do not show what is shown: each is made here by the ffmpeg program, and both
 * backends must give what that program shows.
 */
import assert from "node:assert/strict";
import { ffmpeg } from "#testing/media_bed/clip.ts";
import { differencesOf } from "#testing/media_bed/differences.ts";
import { truthOf } from "#testing/media_bed/truth.ts";
import { hasPrograms, needs } from "#testing/shared.ts";
import { VideoReader } from "@vcs/media/video_reader";

const BACKENDS = ["node-av", "ffmpeg"] as const;
const X264 = "-c:v libx264 -preset ultrafast -crf 12";

/** A source of so many frames in which every frame differs. */
function source(frames: number, rate = 25, size = "64x48"): string[] {
  const pattern = "geq=lum='16+mod(7*N\\,200)+20*lt(abs(X-mod(3*N\\,64))\\,6)':cb=128:cr=100";
  const drawn = `color=black:s=${size}:r=${rate}:d=${frames / rate},format=yuv444p,${pattern}`;
  return ["-f", "lavfi", "-i", drawn, "-frames:v", `${frames}`];
}

const words = (text: string) => text.split(" ");

/** Stored pixels with a palette for each frame. */
const PALETTES = [
  ...["-vf", "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1"],
  ...words("-c:v rawvideo -pix_fmt pal8"),
];

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Both backends give every frame that ffmpeg shows, in any order; the number of frames. */
async function assertAsShown(path: string): Promise<number> {
  const truth = await truthOf(path);
  assert.ok(truth.hashes.length > 0);
  for (const backend of BACKENDS) {
    assert.deepEqual(await differencesOf(path, truth, backend), [], `${path} over ${backend}`);
  }
  return truth.hashes.length;
}

function doubtTest(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test({
    name,
    ...needs(hasPrograms("ffmpeg", "ffprobe")),
    fn: () => withFolder(fn),
  });
}

doubtTest("VideoReader() gives frames with one time each its own", async (folder) => {
  for (const name of ["plain.mkv", "ordered.mkv", "vp8.webm"]) {
    const path = `${folder}/${name}`;
    const coding = name === "vp8.webm"
      ? "-c:v libvpx -deadline realtime -cpu-used 8 -g 9 -b:v 1M"
      : `${X264} -g 9 -bf ${name === "ordered.mkv" ? 2 : 0} -pix_fmt yuv420p`;
    await ffmpeg([...source(60, 1980), ...words(coding), path]);
    await using video = await VideoReader.open(path);
    const times = new Set(video.index.map(({ pts }) => pts));
    assert.ok(times.size < 40, `${times.size} times`);
    await assertAsShown(path);
  }
});

doubtTest("VideoReader() does not list what a cut of an open group never shows", async (folder) => {
  const x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:open-gop=1:keyint=12";
  const kinds: [string, string][] = [
    ["mpeg2.ts", "-c:v mpeg2video -q:v 2 -bf 2 -g 12 -pix_fmt yuv420p"],
    ["h264.mkv", `${X264} -bf 3 -g 12 -x264-params open-gop=1 -pix_fmt yuv420p`],
    ["refresh.mkv", `${X264} -bf 0 -g 12 -x264-params intra-refresh=1 -pix_fmt yuv420p`],
    ["hevc.mkv", `${x265}:bframes=3 -pix_fmt yuv420p`],
    ["hevc.ts", `${x265}:bframes=3 -pix_fmt yuv420p`],
  ];
  let unseen = 0;
  for (const [name, coding] of kinds) {
    const [whole, cut] = [`${folder}/whole_${name}`, `${folder}/cut_${name}`];
    await ffmpeg([...source(60), ...words(coding), whole]);
    await ffmpeg(["-ss", "0.7", "-i", whole, "-c", "copy", cut]);
    const shown = await assertAsShown(cut);
    await using video = await VideoReader.open(cut, { onError: "skip" });
    unseen += Number(video.info.frameCount === shown);
  }
  assert.equal(unseen, kinds.length);
});

doubtTest("VideoReader() reads joined recordings one after the other", async (folder) => {
  for (const coding of [`${X264} -bf 2 -g 15 -pix_fmt yuv420p`, "-c:v mpeg2video -bf 2 -q:v 2"]) {
    const path = `${folder}/${coding.length}.ts`;
    await ffmpeg([...source(40), ...words(coding), path]);
    const part = await Deno.readFile(path);
    await Deno.writeFile(path, new Blob([part, part, part]).stream());
    assert.equal(await assertAsShown(path), 120);
    await using video = await VideoReader.open(path);
    assert.ok(video.index.every(({ pts }, i) => Math.abs(pts - i / 25) < 1e-6));
  }
});

doubtTest(
  "VideoReader() reads key frames that build on earlier ones from the start",
  async (folder) => {
    const kinds: [string, string[]][] = [
      ["palette.avi", PALETTES],
      ["cinepak.avi", words("-c:v cinepak -g 5 -pix_fmt rgb24")],
    ];
    for (const [name, coding] of kinds) {
      const path = `${folder}/${name}`;
      await ffmpeg([...source(24), ...coding, path]);
      assert.equal(await assertAsShown(path), 24);
    }
  },
);

/** Matrices and transfers that swscale does not know, by number, and the matrix taken instead. */
const TAGS: [string, string][] = [
  ["matrix_coefficients=8", "bt601"],
  ["matrix_coefficients=10", "bt2020"],
  ["matrix_coefficients=11", "bt2020"],
  ["matrix_coefficients=12", "bt2020"],
  ["matrix_coefficients=13", "bt2020"],
  ["matrix_coefficients=14", "bt2020"],
  ["matrix_coefficients=16", "bt601"],
  ["transfer_characteristics=3", "bt601"],
  ["transfer_characteristics=9", "bt601"],
  ["transfer_characteristics=10", "bt601"],
];

doubtTest(
  "VideoReader() reads video of every colour tag, and reports the matrix",
  async (folder) => {
    const plain = `${folder}/plain.mp4`;
    await ffmpeg([...source(4), ...words(`${X264} -pix_fmt yuv420p`), plain]);
    await using untagged = await VideoReader.open(plain);
    const { data } = await untagged.frameAt(2);
    for (const [tag, matrix] of TAGS) {
      const path = `${folder}/${tag}.mp4`;
      await ffmpeg(["-i", plain, "-c", "copy", "-bsf:v", `h264_metadata=${tag}`, path]);
      for (const backend of BACKENDS) {
        await using video = await VideoReader.open(path, { backend });
        const frame = await video.frameAt(2);
        assert.equal(video.info.conversionMatrix, matrix, `${tag} over ${backend}`);
        const isSame = frame.data.every((value, i) => value === data[i]);
        assert.equal(isSame, matrix === "bt601", `${tag} over ${backend}`);
      }
    }
  },
);

const times = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

doubtTest("VideoReader() has frames of AVI wait for those they build on", async (folder) => {
  for (const [bFrames, first] of [[0, 0], [3, 2]] as const) {
    const path = `${folder}/${bFrames}.avi`;
    await ffmpeg([...source(30), ...words(`${X264} -bf ${bFrames} -g 12 -pix_fmt yuv420p`), path]);
    for (const backend of BACKENDS) {
      await using video = await VideoReader.open(path, { backend });
      assert.deepEqual(
        video.index.map(({ pts }) => Math.round(25 * pts)),
        times(first, 30),
        backend,
      );
    }
  }
  assert.equal(await assertAsShown(`${folder}/3.avi`), 30);
});

doubtTest("VideoReader() takes a bare stream's rate from its headers", async (folder) => {
  const x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none";
  for (const [name, coding] of [["a.h264", `${X264} -bf 2`], ["a.hevc", x265]] as const) {
    const path = `${folder}/${name}`;
    await ffmpeg([...source(30, 30), ...words(coding), "-pix_fmt", "yuv420p", path]);
    for (const backend of BACKENDS) {
      await using video = await VideoReader.open(path, { backend });
      assert.ok(Math.abs(video.info.fps - 30) < 1e-9, `${name}: ${video.info.fps} over ${backend}`);
      assert.ok(Math.abs(video.index[15]!.pts - 0.5) < 1e-9, `${name} over ${backend}`);
    }
  }
});

/** A bare H.264 stream that becomes larger after ten frames. */
async function growing(folder: string, second: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const [size, format] of [["64x48", "yuv420p"], ["96x80", second]] as const) {
    const path = `${folder}/${size}.h264`;
    await ffmpeg([...source(10, 25, size), ...words(`${X264} -pix_fmt`), format, path]);
    parts.push(await Deno.readFile(path));
  }
  const path = `${folder}/growing_${second}.h264`;
  await Deno.writeFile(path, new Blob(parts as BlobPart[]).stream());
  return path;
}

doubtTest("VideoReader() gives stored frames their own size", async (folder) => {
  const path = await growing(folder, "yuv420p");
  for (const backend of BACKENDS) {
    await using video = await VideoReader.open(path, { backend, pixels: "native" });
    const sizes = await Array.fromAsync(
      video.frames(),
      ({ width, height, data }) => `${width}x${height}: ${data.length}`,
    );
    const small = new Array(10).fill("64x48: 4608");
    assert.deepEqual(sizes, [...small, ...new Array(10).fill("96x80: 11520")], backend);
    await using rgb = await VideoReader.open(path, { backend });
    for await (const { width, height, data } of rgb.frames()) {
      assert.deepEqual([width, height, data.length], [64, 48, 64 * 48 * 3]);
    }
  }
});

doubtTest("VideoReader() over ffmpeg refuses a stored format that changes", async (folder) => {
  const path = await growing(folder, "yuv444p");
  await using inProcess = await VideoReader.open(path, { pixels: "native", backend: "node-av" });
  assert.equal((await inProcess.frameAt(15)).data.length, 96 * 80 * 3);
  await using video = await VideoReader.open(path, { pixels: "native", backend: "ffmpeg" });
  await assert.rejects(video.frameAt(15), {
    code: "unsupported",
    message: "Cannot read native pixels: yuv420p becomes yuv444p, use node-av",
  });
});

doubtTest(
  "VideoReader() finds a size that comes late, and refuses one that never comes",
  async (folder) => {
    const [whole, headless] = [`${folder}/whole.h264`, `${folder}/headless.h264`];
    await ffmpeg([...source(20), ...words(`${X264} -pix_fmt yuv420p -g 10`), whole]);
    const withoutHeaders = words("-c copy -bsf:v filter_units=remove_types=7|8");
    await ffmpeg(["-i", whole, ...withoutHeaders, headless]);
    const bytes = await Deno.readFile(headless);
    // More than the 5 MB that FFmpeg looks through for a size.
    const late = new Array(Math.ceil(5.1e6 / bytes.length)).fill(bytes);
    const path = `${folder}/late.h264`;
    await Deno.writeFile(path, new Blob([...late, await Deno.readFile(whole)]).stream());
    for (const backend of BACKENDS) {
      await assert.rejects(VideoReader.open(headless, { backend }), { code: "empty-video" });
      await using video = await VideoReader.open(path, { backend, onError: "skip" });
      assert.deepEqual([video.info.width, video.info.height, video.info.frameCount], [64, 48, 20]);
      assert.equal((await video.frameAt(12)).data.length, 64 * 48 * 3);
    }
  },
);

doubtTest("VideoReader() takes grey of more than 8 bits for full range", async (folder) => {
  for (const format of ["gray", "gray10le", "gray16le"]) {
    const path = `${folder}/${format}.mkv`;
    const ramp = `color=black:s=256x16:r=5:d=1,format=${format},geq=lum='X*${
      { gray: 1, gray10le: 4, gray16le: 257 }[format]
    }'`;
    await ffmpeg(["-f", "lavfi", "-i", ramp, "-c:v", "ffv1", path]);
    for (const backend of BACKENDS) {
      await using video = await VideoReader.open(path, { backend });
      const { data } = await video.frameAt(1);
      for (const x of [0, 3, 100, 200, 255]) {
        const value = data[x * 3]!;
        assert.ok(Math.abs(value - x) <= 1, `${format} over ${backend}: ${value} for ${x}`);
      }
    }
  }
});

doubtTest(
  "VideoReader() finds a torn picture of MJPEG damaged",
  async (folder) => {
    const path = `${folder}/torn.mjpeg`;
    await ffmpeg([...source(3), ...words("-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"), path]);
    const bytes = await Deno.readFile(path);
    await using whole = await VideoReader.open(bytes);
    const { data } = await whole.frameAt(2);
    await Deno.writeFile(path, bytes.subarray(0, bytes.length - 60));
    for (const backend of BACKENDS) {
      await using strict = await VideoReader.open(path, { backend, indexCacheSize: 0 });
      const frames = strict.frames();
      for (const index of [0, 1]) assert.equal((await frames.next()).value?.index, index);
      await assert.rejects(frames.next(), { code: "decode-failed", message: /frame 2 of 3/ });
      await using lenient = await VideoReader.open(path, { backend, onError: "nearest" });
      const [, , torn] = await Array.fromAsync(lenient.frames());
      assert.deepEqual(lenient.replaced.map(({ frame, reason }) => [frame, reason]), [[
        2,
        "damaged",
      ]]);
      assert.deepEqual(torn!.data.subarray(0, 3 * 64 * 8), data.subarray(0, 3 * 64 * 8));
      assert.notDeepEqual(torn!.data, data);
    }
  },
);

doubtTest("VideoReader() finds stored pixels damaged that a cut took a part of", async (folder) => {
  const [whole, path] = [`${folder}/whole.avi`, `${folder}/torn.avi`];
  await ffmpeg([...source(5), ...PALETTES, whole]);
  const bytes = await Deno.readFile(whole);
  const index = bytes.findLastIndex((_, i) =>
    String.fromCharCode(...bytes.subarray(i, i + 4)) === "idx1"
  );
  await Deno.writeFile(path, bytes.subarray(0, index - 1000));
  for (const backend of BACKENDS) {
    await using video = await VideoReader.open(path, { backend, indexCacheSize: 0 });
    const frames = video.frames();
    for (const frame of [0, 1, 2, 3]) assert.equal((await frames.next()).value?.index, frame);
    await assert.rejects(frames.next(), { code: "decode-failed", message: /frame 4 of 5/ });
  }
});

doubtTest("VideoReader() leaves out a GIF's picture that is cut off", async (folder) => {
  const [whole, path] = [`${folder}/whole.gif`, `${folder}/torn.gif`];
  await ffmpeg([...source(5), whole]);
  const bytes = await Deno.readFile(whole);
  for (const [taken, frames] of [[1, 5], [40, 4]] as const) {
    await Deno.writeFile(path, bytes.subarray(0, bytes.length - taken));
    for (const backend of BACKENDS) {
      await using video = await VideoReader.open(path, {
        backend,
        pixels: "native",
        indexCacheSize: 0,
      });
      assert.equal(video.info.frameCount, frames, `${taken} bytes over ${backend}`);
      const read = await Array.fromAsync(video.frames(), ({ index }) => index);
      assert.deepEqual(read, [0, 1, 2, 3, 4].slice(0, frames));
    }
  }
});

doubtTest(
  "VideoReader() finds no frames in a GIF that its first picture is cut off in",
  async (folder) => {
    const path = `${folder}/one.gif`;
    await ffmpeg([...source(1), path]);
    const bytes = await Deno.readFile(path);
    for (const taken of [40, bytes.length - 1000]) {
      await Deno.writeFile(path, bytes.subarray(0, bytes.length - taken));
      for (const backend of BACKENDS) {
        await assert.rejects(
          VideoReader.open(path, { backend, indexCacheSize: 0 }),
          { code: "empty-video", message: /it has no frames/ },
          `${taken} bytes over ${backend}`,
        );
      }
    }
  },
);
