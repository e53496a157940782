/**
 * How much of a two-hour film on a web server is read for sixteen frames. Writes
 * `bench/results/media_ranges.json`.
 *
 *     deno run -A bench/media_ranges.ts [MINUTES]
 *
 * Once as MP4, which lists all frames, and once as Matroska, which lists key frames. The film is made
 * by ffmpeg: a minute of 1280 by 720 at 25 frames a second, a key frame every two seconds, as often as
 * the film is long.
 */
import { join } from "node:path";
import { decodeOnly } from "@vcs/patch-stream";
import { print } from "@vcs/transport/internal";
import { RangeServer } from "#testing/range_server.ts";

const minutes = Number(Deno.args[0] ?? 120);

async function ffmpeg(...args: string[]): Promise<void> {
  const command = new Deno.Command("ffmpeg", { args: ["-v", "error", "-y", ...args] });
  const { code, stderr } = await command.output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
}

const films: Record<string, object> = {};
const folder = await Deno.makeTempDir({ prefix: "vcs-ranges-" });
try {
  const minute = join(folder, "minute.mp4");
  const picture = "testsrc2=size=1280x720:rate=25:duration=60,noise=alls=8:allf=t";
  const encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "1200k", "-g", "50"];
  await ffmpeg("-f", "lavfi", "-i", picture, ...encoding, "-pix_fmt", "yuv420p", minute);
  const copies = ["-stream_loop", String(minutes - 1), "-i", minute, "-c", "copy"];
  print("| film | frames read | of its bytes | share | requests | seconds |");
  print("| ---- | ----------- | ------------ | ----- | -------- | ------- |");
  for (const name of ["film.mp4", "film.mkv"]) {
    const film = join(folder, name);
    await ffmpeg(...copies, ...name.endsWith("mp4") ? ["-movflags", "faststart"] : [], film);
    await using server = new RangeServer(await Deno.readFile(film), name);
    const start = performance.now();
    const { received, sampledFrameIds } = await decodeOnly({
      ...{ videoPath: server.url, sequenceLength: 16 },
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const { bytes, of, requests } = received!;
    const share = (100 * bytes / of).toFixed(2);
    const [read, all] = [bytes, of].map((n) => (n / 1e6).toFixed(1));
    const what = `${name.slice(-3)}, ${minutes} min | ${sampledFrameIds.length}`;
    print(`| ${what} | ${read} of ${all} MB | ${share} % | ${requests} | ${seconds} |`);
    films[name] = {
      minutes,
      frames: sampledFrameIds.length,
      bytes,
      of,
      share: bytes / of,
      requests,
    };
    await Deno.remove(film);
  }
  const path = join(import.meta.dirname!, "results/media_ranges.json");
  await Deno.writeTextFile(path, `${JSON.stringify(films, null, 2)}\n`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
