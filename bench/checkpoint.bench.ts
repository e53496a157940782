/**
 * Opening and reading checkpoints, beside reading the same files as plain bytes.
 * `bench/checkpoint_memory.ts` measures what opening and reading hold in memory.
 */
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import {
  checkpointFile,
  op,
  rebuilt,
  storage,
} from "../packages/onnx/testdata/checkpoint_cases.ts";
import { writeSparseCheckpoint } from "../packages/onnx/testdata/sparse_checkpoint.ts";
import { onlyCpu } from "./devices.ts";
import { sized } from "./quick.ts";

onlyCpu();

const TENSORS = 224;
const ELEMENTS = sized(85_000, 8_500);
const SIZE = `${Math.floor(TENSORS * ELEMENTS * 4e-6)} MB`;

/** A checkpoint of EnCodec's size, with checksums. */
async function denseCheckpoint(): Promise<Uint8Array> {
  const items: string[] = [];
  const records: Record<string, Uint8Array> = {};
  for (let i = 0; i < TENSORS; i++) {
    items.push(op.text(`decoder.model.${i}.conv.conv.weight_v`));
    items.push(rebuilt(storage("FloatStorage", String(i), ELEMENTS), 0, [ELEMENTS], [1]));
    const bytes = new Uint8Array(4 * ELEMENTS);
    for (let at = 0; at < bytes.length; at += 65536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65536));
    }
    records[`data/${i}`] = bytes;
  }
  return await checkpointFile(op.dict(...items), records);
}

const folder = await Deno.makeTempDir();
const small = `${folder}/small.pt`;
const large = `${folder}/large.pt`;
await Deno.writeFile(small, await denseCheckpoint());
await writeSparseCheckpoint(large, 280, 2_700_000);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function readPlainly(path: string, offset: number, length: number): Promise<void> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) at += await file.read(bytes.subarray(at)) ?? length;
}

async function open(path: string): Promise<void> {
  using _checkpoint = await openCheckpoint(path);
}

async function readAll(path: string): Promise<void> {
  using checkpoint = await openCheckpoint(path);
  for (const name of checkpoint.names) await checkpoint.read(name);
}

async function readOne(path: string, name: string): Promise<void> {
  using checkpoint = await openCheckpoint(path);
  await checkpoint.read(name);
}

Deno.bench(
  `${SIZE} as plain bytes`,
  { group: `checkpoint of ${SIZE}`, baseline: true },
  async () => {
    await Deno.readFile(small);
  },
);
Deno.bench(`open ${SIZE}`, { group: `checkpoint of ${SIZE}` }, async () => await open(small));
Deno.bench(
  `open ${SIZE}, read all 224 tensors`,
  { group: `checkpoint of ${SIZE}` },
  async () => await readAll(small),
);

Deno.bench(
  "11 MB as plain bytes",
  { group: "checkpoint of 3 GB", baseline: true },
  async () => await readPlainly(large, 1_500_000_000, 10_800_000),
);
Deno.bench("open 3 GB", { group: "checkpoint of 3 GB" }, async () => await open(large));
Deno.bench(
  "open 3 GB, read one tensor of 11 MB",
  { group: "checkpoint of 3 GB" },
  async () => await readOne(large, "layer.140.weight"),
);
