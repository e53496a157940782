/**
 * Graphs and sessions: from a checkpoint on disk to the first inference of EnCodec 48 kHz, what a
 * run costs over the bare C API, and the process stage of patch-stream on each device of
 * `-- --device all`. `bench/onnx_memory.ts` measures memory, and names the devices that are not here.
 */
import { modelSpec } from "../packages/encodec-stream/models.ts";
import { decoderConvNetwork } from "../packages/encodec-stream/network/networks.ts";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { GraphBuilder } from "@vcs/onnx/graph";
import { modelBytes } from "@vcs/onnx";
import { cachedModel } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { findLibrary } from "../packages/onnx/runtime/library.ts";
import { cPath, cString, loadRuntime, Out, pointerArray } from "../packages/onnx/runtime/ort.ts";
import { sessionOptions } from "../packages/onnx/runtime/providers.ts";
import { planGrid } from "../packages/patch-stream/sampling/grid.ts";
import type { ProcessPlan, ProcessStage } from "../packages/patch-stream/process/process.ts";
import { openCpuStage } from "../packages/patch-stream/process/cpu.ts";
import { openGpuStage } from "../packages/patch-stream/process/gpu.ts";
import { benchDevices } from "./devices.ts";
import { openDecoder, writeCheckpoint } from "./onnx_checkpoint.ts";
import { isQuick, sized } from "./quick.ts";

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

// From a checkpoint to sound.

const checkpoint = `${folder}/encodec_48khz.th`;
const cache = `${folder}/graphs`;
await writeCheckpoint(checkpoint);
const ready = await openDecoder(checkpoint, cache);
await ready.run();
let fresh = 0;

Deno.bench(
  "decode one second, ready",
  { group: "EnCodec 48 kHz decoder", baseline: true },
  async () => await ready.run(),
);
Deno.bench(
  "checkpoint to first second, graphs cached",
  { group: "EnCodec 48 kHz decoder" },
  async () => {
    using decoder = await openDecoder(checkpoint, cache);
    await decoder.run();
  },
);
Deno.bench(
  "checkpoint to first second, graphs built",
  // Writes more than a disk takes in the time that --quick has.
  { group: "EnCodec 48 kHz decoder", n: 5, warmup: 1, ignore: isQuick },
  async () => {
    using decoder = await openDecoder(checkpoint, `${cache}-${fresh++}`);
    await decoder.run();
  },
);
Deno.bench("open checkpoint, describe graph", { group: "EnCodec 48 kHz decoder" }, async () => {
  using source = await openCheckpoint(checkpoint);
  decoderConvNetwork(modelSpec("encodec_48khz"), source);
});
const synthesis = await (async () => {
  using source = await openCheckpoint(checkpoint);
  return await cachedModel(decoderConvNetwork(modelSpec("encodec_48khz"), source).graph, [], cache);
})();
Deno.bench("open and close a session", { group: "EnCodec 48 kHz decoder" }, async () => {
  using _session = await Session.open(synthesis, { device: "cpu" });
});

// What a run costs over the bare runtime.

const g = new GraphBuilder("tiny");
g.output("y", g.add(g.input("x", "F32", [1, 64]), 1));
const tiny = await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
const x = tensor("F32", [1, 64]);
const y = tensor("F32", [1, 64]);

/** The same model with values, names and arrays made once: nothing but the call. */
async function bareRun(): Promise<() => Promise<void>> {
  const runtime = loadRuntime(await findLibrary());
  const path = `${folder}/tiny.onnx`;
  await Deno.writeFile(path, await modelBytes(g));
  const session = new Out();
  const options = sessionOptions(runtime, { kind: "cpu" }, { threads: 1 });
  const open = [runtime.env, cPath(path), options, session.cell] as const;
  runtime.call("createSession", "model-invalid", "open", ...open);
  const shape = BigInt64Array.of(1n, 64n);
  const values = [x, y].map(({ data }) => {
    const out = new Out();
    const memory = new Uint8Array(data.buffer as ArrayBuffer);
    const make = [runtime.cpuMemory, memory, 256n, shape, 2n, 1, out.cell] as const;
    runtime.call("createTensorWithData", "run-failed", "wrap", ...make);
    return pointerArray([out.pointer]);
  }) as [BigUint64Array, BigUint64Array];
  const texts = [cString("x"), cString("y")] as const;
  const names = texts.map((text) => pointerArray([Deno.UnsafePointer.of(text)])) as [
    BigUint64Array,
    BigUint64Array,
  ];
  const call = [session.object, null, names[0], values[0], 1n, names[1], 1n, values[1]] as const;
  return () => (void texts, runtime.callAsync("run", "run-failed", "run", ...call));
}

const bare = await bareRun();
Deno.bench(
  "bare C API",
  { group: "one run of a tiny model", baseline: true },
  async () => await bare(),
);
Deno.bench("session, output given", { group: "one run of a tiny model" }, async () => {
  await tiny.run({ x }, { outputs: { y } });
});
Deno.bench("session, output made", { group: "one run of a tiny model" }, async () => {
  await tiny.run({ x });
});

// The process stage of patch-stream.

const [width, height] = [sized(1280, 640), sized(720, 360)];
const frames = Array.from(
  { length: 4 },
  (_, frame) =>
    Uint8Array.from(
      { length: width * height * 3 },
      (_, i) => (i * 7 + frame * 31 * (i >> 9)) & 255,
    ),
);

async function process(
  open: (plan: ProcessPlan) => ProcessStage | Promise<ProcessStage>,
  energy: ProcessPlan["energy"],
) {
  await using stage = await open({
    width,
    height,
    samples: [0, 1, 2, 3],
    grid: planGrid(width, height),
    energy,
    energyPct: 95,
    compensate: true,
    antialias: false,
    change: false,
  });
  for (const [number, data] of frames.entries()) await stage.add({ number, data: data.slice() });
  await stage.finish();
}

const devices = await benchDevices();
for (const energy of ["blocksad", "reference"] as const) {
  const group = `patches of four ${height}p frames, ${energy}`;
  Deno.bench(
    "CPU stage, one thread",
    { group, baseline: true },
    async () => await process((plan) => openCpuStage(plan, { threads: 1 }), energy),
  );
  for (const device of devices) {
    Deno.bench(
      `graph on ${device}, with its session`,
      { group, n: 5, warmup: 1 },
      async () => await process((plan) => openGpuStage(plan, device), energy),
    );
  }
}
