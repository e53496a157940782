import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { openByteSource, ZipReader } from "@vcs/transport/internal";
import { readSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import { openCheckpoint } from "./checkpoint.ts";
import { OnnxError } from "./errors.ts";
import { readPickle } from "./torch/pickle.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./torch/pickle_values.ts";
import { assertSame, readAll } from "./testdata/checkpoint_cases.ts";
import { torchHost } from "./torch/archive.ts";
import { TorchTensor } from "./torch/tensor.ts";

interface GoldenFile {
  file: string;
  kind: string;
  expect: "read" | "error";
  alsoAccept?: string[];
  expected?: string;
  structure?: string;
  tensors?: Record<string, number[][] | string>;
}

const goldenFolder = "golden/files";

async function readManifest(): Promise<{ files: GoldenFile[] }> {
  return JSON.parse(await Deno.readTextFile(sharedPath(`${goldenFolder}/MANIFEST.json`)));
}

async function goldenVerdict(entry: GoldenFile): Promise<string> {
  const started = performance.now();
  let tensors: Map<string, Tensor>;
  try {
    using checkpoint = await openCheckpoint(sharedPath(`${goldenFolder}/${entry.file}`));
    tensors = await readAll(checkpoint);
  } catch (error) {
    assert.ok(error instanceof OnnxError, `${entry.file}: ${error}`);
    return "error";
  } finally {
    assert.ok(performance.now() - started < 60_000, `${entry.file}: over 60 s`);
  }
  checkTensors(entry, tensors);
  return "read";
}

function checkTensors({ file, expected, tensors: inline }: GoldenFile, found: Map<string, Tensor>) {
  for (const [name, rows] of Object.entries(inline ?? {})) {
    const wanted = [0.125, 1.625, 3.125, 4.625, 6.125, 7.625];
    const values = typeof rows === "string" ? wanted : rows.flat();
    assert.deepEqual([...found.get(name)!.data as Float32Array], values, `${file}: ${name}`);
  }
  if (!expected) return;
  const golden = readSafetensors(Deno.readFileSync(sharedPath(`${goldenFolder}/${expected}`)));
  assert.deepEqual([...found.keys()].sort(), [...golden.tensors.keys()].sort(), file);
  for (const [name, t] of golden.tensors) assertSame(found.get(name), t, `${file}: ${name}`);
}

sharedTest("each golden file, good and hostile, gets its verdict", async () => {
  const manifest = await readManifest();
  const files = manifest.files.filter(({ kind }) => kind === "torch" || kind === "safetensors");
  const holdsTensors = ({ file }: GoldenFile) => !file.endsWith("empty_object.safetensors");
  for (const entry of files.filter(holdsTensors)) {
    const verdict = await goldenVerdict(entry);
    const also = entry.alsoAccept?.map((text) => text.split(":")[0]!) ?? [];
    assert.ok([entry.expect, ...also].includes(verdict), `${entry.file}: ${verdict}`);
  }
  assert.ok(!existsSync("PWNED_MARKER_vcs_golden"));
  assert.deepEqual(Object.keys(Object.prototype), []);
});

/** A tree in the notation of the goldens. */
function notation(node: unknown): unknown {
  if (node instanceof TorchTensor) return { $tensor: true };
  if (node instanceof Map) return { $dict: [...node].map(([k, v]) => [notation(k), notation(v)]) };
  if (Array.isArray(node)) return { $list: node.map(notation) };
  if (node instanceof PickleTuple) return { $tuple: node.items.map(notation) };
  if (node instanceof Uint8Array) return { $bytes: node.toHex() };
  if (typeof node === "bigint") return { $bigint: String(node) };
  if (node === Infinity) return { $float: "inf" };
  if (node instanceof PickleGlobal) return { $opaque: node.name };
  if (!(node instanceof PickleObject)) return node;
  return { $size: (node.args[0] as PickleTuple).items };
}

sharedTest("the trees of golden files are those of their structure", async () => {
  const manifest = await readManifest();
  const host = torchHost(new Set(), ({ storage: found }) => found);
  for (const { file, kind, structure } of manifest.files) {
    if (kind !== "torch" || !structure || file.endsWith("legacy.pt")) continue;
    using source = await openByteSource(sharedPath(`${goldenFolder}/${file}`));
    const zip = await ZipReader.open(source);
    const entry = [...zip.entries.values()].find(({ name }) => name.endsWith("/data.pkl"))!;
    const { value } = readPickle(await zip.read(entry), host);
    const text = await Deno.readTextFile(sharedPath(`${goldenFolder}/${structure}`));
    const wanted = JSON.parse(text, (key, item) => key === "$tensor" ? true : item);
    assert.deepEqual(notation(value), wanted, file);
  }
});

sharedTest("all forms of one CLIP model give the same tensors", async () => {
  using script = await openCheckpoint(sharedPath("golden/clip/tiny_clip.torchscript.pt"));
  using flat = await openCheckpoint(sharedPath("golden/clip/tiny_clip.state_dict.pt"));
  assert.equal(script.format, "torchscript");
  const visual = script.names.filter((name) => name.startsWith("visual."));
  assert.ok(
    visual.length > 30 && visual.includes("visual.transformer.resblocks.2.attn.in_proj_weight"),
  );
  for (const name of visual) assertSame(await script.read(name), await flat.read(name), name);
});
