/** Transparency over black, and of interlaced frames the first field: by both backends alike. */
import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { decodeImage } from "@vcs/media/image";
import { VideoReader } from "@vcs/media/video_reader";
import { loadSharp } from "./formats/sharp.ts";

const WIDTH = 64;
const HEIGHT = 48;
const BACKENDS = ["node-av", "ffmpeg"] as const;

/** Three frames alike, each row by its number, as a file. */
async function video(
  path: string,
  row: (y: number) => readonly [number, number, number, number],
  args: readonly string[],
): Promise<void> {
  const pixels = Uint8Array.from({ length: 3 * 4 * WIDTH * HEIGHT }, (_, i) => {
    return row(Math.floor(i / (4 * WIDTH)) % HEIGHT)[i % 4]!;
  });
  await Deno.writeFile(`${path}.raw`, pixels);
  const raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", `${WIDTH}x${HEIGHT}`, "-r", "25"];
  const all = ["-v", "error", "-y", ...raw, "-i", `${path}.raw`, ...args, path];
  const { success, stderr } = await new Deno.Command("ffmpeg", { args: all }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Red of the middle of each row. */
function reds({ data }: { data: Uint8Array }): number[] {
  return Array.from({ length: HEIGHT }, (_, y) => data[3 * (y * WIDTH + WIDTH / 2)]!);
}

const near = (found: number, wanted: number) => Math.abs(found - wanted) <= 3;

Deno.test({
  name: "VideoReader puts transparency over black if asked to",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const row = (y: number) => [200, 200, 200, y < HEIGHT / 2 ? 128 : 255] as const;
      for (const format of ["bgra", "yuva420p"]) {
        const path = `${folder}/${format}.mkv`;
        await video(path, row, ["-c:v", "ffv1", "-pix_fmt", format]);
        for (const backend of BACKENDS) {
          for (const alpha of ["drop", "black"] as const) {
            await using reader = await VideoReader.open(path, { backend, alpha });
            assert.equal(reader.info.flattened, alpha === "black");
            const found = reds(await reader.frameAt(1));
            const upper = alpha === "black" ? 100 : 200;
            assert(
              near(found[8]!, upper) && near(found[40]!, 200),
              `${format} ${backend} ${found}`,
            );
          }
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "VideoReader gives the first field of interlaced frames if asked to",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      // What moves is elsewhere in the second field: one field is bright, the other dark.
      const row = (y: number) => y % 2 ? [50, 50, 50, 255] as const : [200, 200, 200, 255] as const;
      const files = ["mp4", "mkv"].flatMap((end) => {
        return ([["tff", 200], ["bff", 50]] as const).map((field) => [end, ...field] as const);
      });
      for (const [end, order, first] of files) {
        const path = `${folder}/${order}.${end}`;
        const x264 = [
          "-c:v",
          "libx264",
          "-qp",
          "4",
          "-pix_fmt",
          "yuv422p",
          "-flags",
          "+ildct+ilme",
        ];
        await video(path, row, ["-vf", `setfield=${order}`, ...x264, "-x264-params", `${order}=1`]);
        for (const backend of BACKENDS) {
          await using kept = await VideoReader.open(path, { backend });
          assert.deepEqual(new Set(reds(await kept.frameAt(1)).map((v) => v > 125)).size, 2);
          await using reader = await VideoReader.open(path, { backend, interlaced: "field" });
          const { deinterlaced, height, frameCount } = reader.info;
          assert.deepEqual({ deinterlaced, height, frameCount }, {
            ...{ deinterlaced: true, height: HEIGHT, frameCount: 3 },
          });
          const found = reds(await reader.frameAt(1));
          assert(found.every((red) => near(red, first)), `${order} ${backend}: ${found}`);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "VideoReader leaves progressive frames as they are, whatever is asked",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/progressive.mkv`;
      await video(path, (y) => [5 * y, 5 * y, 5 * y, 255], ["-c:v", "ffv1", "-pix_fmt", "yuv444p"]);
      for (const backend of BACKENDS) {
        const asked = { backend, interlaced: "field", alpha: "black" } as const;
        await using reader = await VideoReader.open(path, asked);
        await using plain = await VideoReader.open(path, { backend });
        assert(!reader.info.deinterlaced && !reader.info.flattened);
        assert.deepEqual((await reader.frameAt(0)).data, (await plain.frameAt(0)).data);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("decodeImage() puts transparency over black if asked to", async () => {
  const size = { width: 1, height: 1, channels: 4 } as const;
  const sharp = await loadSharp() as unknown as (
    data: Uint8Array,
    options: { raw: typeof size },
  ) => { png(): { toBuffer(): Promise<Uint8Array<ArrayBuffer>> } };
  const png = await sharp(Uint8Array.of(200, 100, 0, 128), { raw: size }).png().toBuffer();
  assert.deepEqual([...(await decodeImage(png)).data], [200, 100, 0]);
  const [red, green, blue] = (await decodeImage(png, { alpha: "black" })).data;
  assert(near(red!, 100) && near(green!, 50) && blue === 0, `${[red, green, blue]}`);
});
