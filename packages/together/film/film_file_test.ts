import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import type { ReceivedFrame } from "@vcs/video-vq";
import assert from "node:assert/strict";
import { type Level, loudness, onsets } from "../testing/claps.ts";
import { FilmFile } from "./film_file.ts";

const RATE = 48_000;

/** A grey frame. */
function grey(value: number): ReceivedFrame {
  const data = new Uint8Array(32 * 32 * 3).fill(value);
  const rest = { index: 0, pts: 0, duration: 0.04, capturedAt: 0, decodedAt: 0 };
  return { ...rest, width: 32, height: 32, data, frameRate: [25, 1] };
}

/** A tenth of a second of two channels. */
const piece = (value: number) => [0, 1].map(() => new Float32Array(RATE / 10).fill(value));

async function written(
  hasSound: boolean,
  write: (file: FilmFile) => Promise<void>,
): Promise<{
  readonly times: number[];
  readonly levels: Level[];
  readonly seconds: number;
}> {
  const folder = await Deno.makeTempDir();
  try {
    const file = await FilmFile.open(`${folder}/film.mp4`);
    file.begin(hasSound);
    await write(file);
    await file.close();
    await using video = await VideoReader.open(`${folder}/film.mp4`);
    const frames = await Array.fromAsync(video.frames());
    const times = frames.map(({ pts }) => Number(pts.toFixed(3)));
    if (!hasSound) return { times, levels: [], seconds: 0 };
    const { channels: [left] } = await decodeAudio(`${folder}/film.mp4`);
    return { times, levels: [...loudness(left!, RATE)], seconds: left!.length / RATE };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("film file: sound before the first picture waits; a gap is silence, what comes twice is left out", async () => {
  const { levels, seconds, times } = await written(true, async (file) => {
    await file.sound(piece(0), 0);
    await file.sound(piece(0.5), 0.1);
    await file.frame(grey(50), 0);
    await file.sound(piece(0), 0.2);
    await file.sound(piece(0), 0.7);
    await file.sound(piece(0), 0.75); // half of it was there
    await file.sound(piece(0.5), 0.85);
    await file.frame(grey(90), 1);
  });
  assert.deepEqual(times, [0, 1]);
  assert.ok(Math.abs(seconds - 0.95) < 0.05, `${seconds}`);
  for (const [i, second] of onsets(levels, 0.25).entries()) {
    assert.ok(Math.abs(second - [0.1, 0.85][i]!) < 0.005, `${second}`);
  }
  assert.equal(onsets(levels, 0.25).length, 2);
});

Deno.test("film file: a picture has its own time; one that is before the others is left out", async () => {
  const { times } = await written(false, async (file) => {
    for (const second of [-0.5, 0, 0.04, 0.04, 0.72, 0.4, 0.76]) await file.frame(grey(80), second);
  });
  assert.deepEqual(times, [0, 0.04, 0.72, 0.76]);
});

Deno.test("film file: without a picture there is no file, and what was there stays", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/film.mp4`;
  await Deno.writeTextFile(path, "before");
  for (const end of ["close", "abort"] as const) {
    const file = await FilmFile.open(path);
    file.begin(true);
    for (let second = 0; second < 100; second += 10) await file.sound(piece(0), second);
    if (end === "abort") await file.frame(grey(9), 100);
    await file[end]();
    assert.equal(await Deno.readTextFile(path), "before");
  }
  await Deno.remove(folder, { recursive: true });
});
