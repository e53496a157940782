/**
 * A frame of a 640×480 camera on its way through clip-drift, stage by stage and as a whole; the
 * models on each device of `-- --device all`, int8 on the CPU alone.
 * `bench/clip-drift_memory.ts` measures memory, viewers, and open_clip in PyTorch beside it.
 */
import { DriftTracker } from "@vcs/clip-drift/drift";
import { gistGraph } from "@vcs/clip-drift/internal";
import { resizeCrop } from "@vcs/clip-drift/internal";
import { sceneFrames } from "@vcs/clip-drift/internal";
import { decodeImage } from "@vcs/media/image";
import { MjpegReader } from "@vcs/media/mjpeg";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { openRandomClip } from "./clip-drift_model.ts";
import { benchDevices, nameOn } from "./devices.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const jpeg = await sceneFrames({ quality: 80 })(0);
const image = await decodeImage(jpeg);
const models: Record<string, { session: Session; size: number }> = {};
for (const device of await benchDevices()) {
  const precisions = device === "cpu" ? ["fp32", "int8"] as const : ["fp32", "fp16"] as const;
  for (const precision of precisions) {
    const session = await openRandomClip(folder, precision, { device });
    models[nameOn(`ViT-B-32 ${precision}`, device)] = { session, size: 224 };
  }
  const gist = await Session.open(await modelBytes(gistGraph()), { device });
  models[nameOn("gist", device)] = { session: gist, size: 128 };
}
const tracker = new DriftTracker();
const head = new TextEncoder().encode("\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n");
const part = new Uint8Array([...head, ...jpeg]);
const reader = new MjpegReader();
let time = 0;

for (const [name, { session, size }] of Object.entries(models)) {
  const pixels = tensor("U8", [1, size, size, 3], resizeCrop(image, size));
  const options = { group: "stages", baseline: name === "ViT-B-32 fp32" };
  Deno.bench(name, options, async () => void await session.run({ pixels }));
}
Deno.bench("JPEG decode", { group: "stages" }, async () => void await decodeImage(jpeg));
Deno.bench("resize and crop to 224", { group: "stages" }, () => void resizeCrop(image, 224));
Deno.bench("MJPEG part", { group: "stages" }, () => {
  for (const _ of reader.push(part));
});
Deno.bench("all measures of drift", { group: "stages" }, () => {
  const embedding = new Float32Array(512).fill(1);
  embedding[time % 512] = 3;
  tracker.push(embedding, time++);
});

for (const [name, { session, size }] of Object.entries(models)) {
  const options = { group: "frame, end to end", baseline: name === "ViT-B-32 fp32" };
  Deno.bench(`${name}, from JPEG to measures`, options, async () => {
    const pixels = tensor("U8", [1, size, size, 3], resizeCrop(await decodeImage(jpeg), size));
    const { embedding } = await session.run({ pixels });
    new DriftTracker().push(embedding!.data as Float32Array, 0);
  });
}
