// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Makes a contact sheet of a video, evenly spaced frames on one image:
 *
 *     deno run -A examples/media.ts video.mp4 sheet.jpg
 */
import { encodeJpeg, VideoReader } from "@vcs/media";

const COLUMNS = 4;
const ROWS = 3;
const TILE = { width: 240, height: 136 };

/** Frame numbers in the middle of equal parts of a video. */
function spread(frameCount: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => Math.floor((i + 0.5) * frameCount / parts));
}

/** Copies a small image into a place of a large one; both are RGB. */
function paste(
  target: { width: number; data: Uint8Array },
  tile: { width: number; height: number; data: Uint8Array },
  left: number,
  top: number,
): void {
  for (let y = 0; y < tile.height; y++) {
    const row = tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3);
    target.data.set(row, ((top + y) * target.width + left) * 3);
  }
}

const [path = "video.mp4", sheetPath = "sheet.jpg"] = Deno.args;
await using video = await VideoReader.open(path, { size: TILE });
const size = { width: COLUMNS * TILE.width, height: ROWS * TILE.height };
const sheet = { ...size, data: new Uint8Array(size.width * size.height * 3) };
const numbers = spread(video.info.frameCount, COLUMNS * ROWS);
for (const [at, id] of numbers.entries()) {
  const row = Math.floor(at / COLUMNS);
  paste(sheet, await video.frameAt(id), (at % COLUMNS) * TILE.width, row * TILE.height);
}
await Deno.writeFile(sheetPath, await encodeJpeg(sheet, { quality: 85 }));
console.log(`${sheetPath}: frames ${numbers.join(", ")} of ${video.info.frameCount}`);
