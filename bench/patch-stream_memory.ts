/**
 * Processes 16 frames of 1080p that lie in memory, and then samples them from the video, and
 * prints as JSON by how many bytes the process grew at most (on Linux).
 */
import { sharedPath } from "#testing/shared.ts";
import { decodeOnly } from "@vcs/patch-stream/decode_only";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import type { EnergyMode } from "@vcs/patch-stream";
import { openCpuStage, planGrid } from "@vcs/patch-stream/internal";

const videoPath = sharedPath("data/video/cps_demo_1080p_h264_bframes.mp4");

/** Bytes that this process holds at most from now on, beyond what it holds now. */
async function growth(run: () => Promise<void>): Promise<number> {
  await Deno.writeTextFile("/proc/self/clear_refs", "5");
  const before = Deno.memoryUsage().rss;
  await run();
  const status = await Deno.readTextFile("/proc/self/status");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024 - before;
}

const { frames, width, height } = await decodeOnly({ videoPath });
const size = 3 * width * height;

function process(energy: EnergyMode): Promise<number> {
  return growth(async () => {
    const grid = planGrid(width, height);
    const samples = Array.from({ length: 16 }, (_, n) => n);
    const plan = { width, height, samples, grid, energy, energyPct: 95 };
    await using stage = openCpuStage({
      ...plan,
      compensate: true,
      antialias: false,
      change: false,
    });
    for (const number of samples) {
      const data = frames.data.slice(number * size, (number + 1) * size);
      await stage.add({ number, data });
    }
    await stage.finish();
  });
}

const result = {
  frames: frames.data.length,
  processing: { blocksad: await process("blocksad"), reference: await process("reference") },
  patchStream: await growth(async () => (await patchStream({ videoPath })).close()),
};
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
