import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { serveFolders } from "#testing/static_site.ts";
import { openLive } from "@vcs/media";
import { VideoReader } from "@vcs/media/video_reader";

const HEIGHT = 48;
const COLUMN = 32;

/**
 * A lossless video of 10 bits, one frame of grey columns.
 *
 * @param greys signal of each column, 0 to 1
 */
async function hdrVideo(
  path: string,
  transfer: string,
  greys: readonly number[],
  codec: readonly string[] = ["-c:v", "ffv1"],
): Promise<void> {
  const width = COLUMN * greys.length;
  const frame = new Uint16Array(width * HEIGHT * 3 / 2).fill(512);
  for (let i = 0; i < width * HEIGHT; i++) {
    frame[i] = Math.round(64 + 876 * greys[Math.floor(i % width / COLUMN)]!);
  }
  await Deno.writeFile(`${path}.yuv`, new Uint8Array(frame.buffer));
  const raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", `${width}x${HEIGHT}`];
  const tags = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer];
  const args = ["-v", "error", ...raw, "-i", `${path}.yuv`, ...tags, "-color_range", "tv"];
  const command = new Deno.Command("ffmpeg", { args: [...args, ...codec, path] });
  const { success, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
}

/** The grey of each column's middle; channels may differ by rounding alone. */
function greysOf({ data, width }: { data: Uint8Array; width: number }): number[] {
  const middle = (HEIGHT / 2) * width;
  return Array.from({ length: width / COLUMN }, (_, column) => {
    const [red, green, blue] = data.subarray(3 * (middle + column * COLUMN + COLUMN / 2));
    assert(Math.abs(red! - green!) <= 2 && Math.abs(green! - blue!) <= 2, `${[red, green, blue]}`);
    return green!;
  });
}

/** 0, 1, 10, 100 and 1,000 nits by SMPTE ST 2084. */
const PQ = [0, 0.1499, 0.3014, 0.5081, 0.7518];
const HLG = [0, 0.25, 0.5, 0.75, 1];

/** What zimg's and FFmpeg's formulas make of them. */
const MAPPED = { smpte2084: [0, 25, 66, 156, 254], "arib-std-b67": [0, 65, 124, 192, 254] };

for (const [transfer, signal] of [["smpte2084", PQ], ["arib-std-b67", HLG]] as const) {
  Deno.test({
    name: `VideoReader maps HDR to SDR if asked to, by both backends alike: ${transfer}`,
    ...needs(hasPrograms("ffmpeg", "ffprobe")),
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        const path = `${folder}/hdr.mkv`;
        await hdrVideo(path, transfer, signal);
        const read = async (backend: "node-av" | "ffmpeg", hdr: "keep" | "sdr") => {
          await using video = await VideoReader.open(path, { backend, hdr });
          const { colorTransfer, toneMapped } = video.info;
          assert.deepEqual([colorTransfer, toneMapped], [transfer, hdr === "sdr"]);
          return greysOf(await video.frameAt(0));
        };
        const kept = await read("node-av", "keep");
        kept.forEach((grey, i) => assert(Math.abs(grey - 255 * signal[i]!) < 3, `${kept}`));
        const [here, there] = [await read("node-av", "sdr"), await read("ffmpeg", "sdr")];
        here.forEach((grey, i) => assert(Math.abs(grey - there[i]!) <= 2, `${here}; ${there}`));
        here.forEach((grey, i) => assert(Math.abs(grey - MAPPED[transfer][i]!) <= 3, `${here}`));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

const X264 = ["-c:v", "libx264", "-qp", "1", "-preset", "ultrafast", "-hls_time", "1"];

Deno.test({
  name: "openLive maps HDR to SDR if asked to, by both backends",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await hdrVideo(`${folder}/live.m3u8`, "arib-std-b67", HLG, X264);
      await using server = serveFolders({ "/": folder });
      const read = async (backend: "node-av" | "ffmpeg", hdr: "keep" | "sdr") => {
        await using live = await openLive(`${server.url}live.m3u8`, { backend, hdr });
        assert.equal(live.info.toneMapped, hdr === "sdr");
        for await (const frame of live.frames) return greysOf(frame);
        throw new Error("Expected a frame");
      };
      for (const backend of ["node-av", "ffmpeg"] as const) {
        const [kept, mapped] = [await read(backend, "keep"), await read(backend, "sdr")];
        kept.forEach((grey, i) => assert(Math.abs(grey - 255 * HLG[i]!) <= 3, `${kept}`));
        const right = MAPPED["arib-std-b67"];
        mapped.forEach((grey, i) => assert(Math.abs(grey - right[i]!) <= 4, `${mapped}`));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
