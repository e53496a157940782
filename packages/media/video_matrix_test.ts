/**
 * Containers and codecs of every kind, made here by the ffmpeg program: frame n is grey of value
 * 20 + 4n, so that its number can be read from its pixels.
 */
import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { VideoReader } from "@vcs/media/video_reader";

const FRAMES = 50;

interface Kind {
  /** Name of the file, with the suffix that chooses the container. */
  file: string;
  /** Arguments of ffmpeg after its input. */
  args: string;
  /** Number of frames that are shown. */
  frames?: number;
  /** Whether the beginning is cut off, so that only ffmpeg knows what is shown. */
  cut?: boolean;
  /** Arguments of a second ffmpeg that takes the file of the first. */
  copy?: string;
  /** Size of delivered frames. */
  size?: [number, number];
}

const X264 = "-c:v libx264 -preset veryfast -crf 8 -pix_fmt yuv420p";
const X265 = "-c:v libx265 -preset ultrafast -crf 10 -x265-params log-level=none";

const KINDS: Kind[] = [
  { file: "b_frames.mp4", args: `${X264} -bf 3 -g 20` },
  { file: "all_intra.mp4", args: `${X264} -g 1` },
  { file: "group_of_2.mp4", args: `${X264} -g 2 -bf 0` },
  { file: "open_group.mp4", args: `${X264} -bf 3 -g 12 -x264-params open-gop=1` },
  { file: "open_group_hevc.mp4", args: `${X265}:open-gop=1:keyint=12:bframes=3` },
  { file: "intra_refresh.mkv", args: `${X264} -x264-params intra-refresh=1:keyint=12` },
  { file: "fragmented.mp4", args: `${X264} -g 10 -movflags +frag_keyframe+empty_moov` },
  { file: "b_frames.mkv", args: `${X264} -bf 3 -g 20` },
  {
    file: "vp9.webm",
    args: "-c:v libvpx-vp9 -crf 10 -b:v 0 -g 20 -auto-alt-ref 1 -lag-in-frames 16",
  },
  { file: "vp8.webm", args: "-c:v libvpx -crf 4 -b:v 2M -g 20 -auto-alt-ref 1 -lag-in-frames 16" },
  { file: "ten_bits.mp4", args: "-c:v libx264 -preset veryfast -crf 8 -pix_fmt yuv420p10le -bf 2" },
  { file: "motion_jpeg.avi", args: "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p" },
  { file: "b_frames.avi", args: `${X264} -bf 2 -g 20` },
  { file: "asp_b_frames.avi", args: "-c:v mpeg4 -bf 2 -q:v 2 -g 20" },
  { file: "b_frames.ts", args: `${X264} -bf 3 -g 20` },
  { file: "mpeg2.ts", args: "-c:v mpeg2video -bf 2 -q:v 2 -g 12" },
  { file: "raw.h264", args: `${X264} -bf 3 -g 20` },
  { file: "grey.gif", args: "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse" },
  { file: "still.png", args: "-frames:v 1", frames: 1 },
  { file: "single.mp4", args: `${X264} -frames:v 1`, frames: 1 },
  { file: "odd.mp4", args: "-vf scale=97:63 -c:v libx264 -crf 8 -pix_fmt yuv444p", size: [97, 63] },
  { file: "edit_list.mp4", args: `${X264} -bf 3 -g 20`, copy: "-ss 0.5", cut: true },
  { file: "turned.mp4", args: X264, copy: "-metadata:s:v rotate=90", size: [48, 64] },
  { file: "late.mp4", args: `${X264} -bf 2 -output_ts_offset 5` },
];

async function ffmpeg(...args: string[]): Promise<void> {
  const options = ["-v", "error", "-nostdin", "-y"];
  const { success, stderr } = await new Deno.Command("ffmpeg", { args: [...options, ...args] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}

const SOURCE = `color=black:s=64x48:r=25:d=${
  FRAMES / 25
},format=yuv420p,geq=lum='20+4*N':cb=128:cr=128`;

async function make(folder: string, { file, args, copy }: Kind): Promise<string> {
  const path = `${folder}/${file}`;
  await ffmpeg("-f", "lavfi", "-i", SOURCE, ...args.split(" "), path);
  if (copy === undefined) return path;
  const [seek, meta] = copy.startsWith("-ss") ? [copy.split(" "), []] : [[], copy.split(" ")];
  const copied = `${folder}/copy_${file}`;
  await ffmpeg(...seek, "-i", path, "-c", "copy", ...meta, copied);
  return copied;
}

/** The number that a frame shows, from the grey in its middle: limited range makes 20 of 16. */
function shownNumber({ data }: { data: Uint8Array }): number {
  const grey = data[Math.floor(data.length / 6) * 3]!;
  return Math.max(0, Math.round((grey * 219 / 255 + 16 - 20) / 4));
}

/** Numbers that ffmpeg itself shows. */
async function expectedNumbers(path: string): Promise<number[]> {
  const args = [
    "-v",
    "error",
    "-i",
    path,
    "-fps_mode",
    "passthrough",
    "-vf",
    "scale=1:1,format=rgb24",
  ];
  const command = new Deno.Command("ffmpeg", { args: [...args, "-f", "rawvideo", "pipe:1"] });
  const { stdout } = await command.output();
  return Array.from(
    { length: stdout.length / 3 },
    (_, i) => shownNumber({ data: stdout.subarray(i * 3, i * 3 + 3) }),
  );
}

/** Reads a file from end to end, every seventh frame, the last one and the middle one. */
async function assertReads(
  path: string,
  { size }: Kind,
  numbers: number[],
  backend: "node-av" | "ffmpeg",
): Promise<void> {
  await using video = await VideoReader.open(path, { backend });
  const all = await Array.fromAsync(video.frames());
  assert.deepEqual(all.map(shownNumber), numbers);
  const some = [...numbers.keys()].filter((id) => id % 7 === 3);
  const listed = await Array.fromAsync(video.framesAt(some));
  assert.deepEqual(listed.map(shownNumber), some.map((id) => numbers[id]));
  for (const id of [numbers.length - 1, numbers.length >> 1]) {
    assert.equal(shownNumber(await video.frameAt(id)), numbers[id]);
  }
  assert.deepEqual([video.info.width, video.info.height], size ?? [64, 48]);
}

Deno.test({
  name: "VideoReader() reads containers and codecs of every kind, over both backends",
  ...needs(hasPrograms("ffmpeg", "ffprobe")),
  fn: async (t) => {
    const folder = await Deno.makeTempDir();
    for (const kind of KINDS) {
      await t.step(kind.file, async () => {
        const path = await make(folder, kind);
        const numbers = await expectedNumbers(path);
        if (!kind.cut) {
          const count = kind.frames ?? FRAMES;
          assert.deepEqual(numbers, Array.from({ length: count }, (_, i) => i));
        }
        await assertReads(path, kind, numbers, "node-av");
        await assertReads(path, kind, numbers, "ffmpeg");
      });
    }
    await Deno.remove(folder, { recursive: true });
  },
});
