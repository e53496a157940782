// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Makes the input of a vision transformer of a video, the patches in which most happens:
 *
 *     deno run -A examples/patch-stream.ts video.mp4 patches.safetensors
 *
 * The file holds `patches` (BF16, [K, 3, 14, 14]), `fields` and `scores`; Python reads it with
 * `safetensors.torch.load_file`.
 */
import { patchStream } from "@vcs/patch-stream";
import { encodeSafetensors } from "@vcs/transport";

const KEPT = 512;

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

const [videoPath = "video.mp4", target = "patches.safetensors"] = Deno.args;
using session = await patchStream({ videoPath, sequenceLength: 16, kKeep: KEPT });
const { patches, fields, scores, sampledFrameIds } = session;
const file = encodeSafetensors(
  { patches, fields, scores },
  { video: videoPath, frames: sampledFrameIds.join(",") },
);
await Deno.writeFile(target, file);

const { scoreMap } = session.collect();
const share = sum(scores.data) / sum(scoreMap.data);
const all = scoreMap.data.length;
console.log(`${KEPT} of ${all} patches hold ${(100 * share).toFixed(0)} % of the energy`);

const counts = new Map<number, number>();
for (const { frameId } of session.metadata) counts.set(frameId, (counts.get(frameId) ?? 0) + 1);
for (const id of sampledFrameIds) {
  console.log(
    `frame ${String(id).padStart(6)} ${"#".repeat(Math.ceil((counts.get(id) ?? 0) / 4))}`,
  );
}
