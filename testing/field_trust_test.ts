/** The files of `shared/cases/field/trust` that readers went wrong on, each with its right outcome. */
import { openEncoder } from "@vcs/clip-drift";
import { decodeImage } from "@vcs/media/image";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { decodeMessage } from "@vcs/transport/message";
import { NpzReader, readNpz } from "@vcs/transport/npz";
import { readSafetensors } from "@vcs/transport/safetensors";
import { openByteSource, ZipReader } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./house.ts";
import { sharedPath, sharedTest } from "./shared.ts";
import { hasTerminal, inTerminal } from "./terminal.ts";

const at = (name: string) => sharedPath(`cases/field/trust/${name}`);
const bytesOf = (name: string) => Deno.readFile(at(name));

sharedTest("message_pts_min.vcsm is refused", async () => {
  const bytes = await bytesOf("message_pts_min.vcsm");
  assert.throws(() => decodeMessage(bytes), { name: "TransportError", code: "format" });
});

sharedTest("zip64_two_views.pt is read as PyTorch reads it, or refused", async () => {
  try {
    using checkpoint = await openCheckpoint(at("zip64_two_views.pt"));
    const [name] = checkpoint.names as [string];
    assert.deepEqual([...(await checkpoint.read(name)).data], [-9, -9]);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "checkpoint-invalid");
  }
});

sharedTest("zip64_short_comment.zip is an honest archive", async () => {
  using source = await openByteSource(at("zip64_short_comment.zip"));
  const zip = await ZipReader.open(source);
  assert.ok(zip.entries.size > 0);
  for (const entry of zip.entries.values()) {
    assert.equal((await zip.read(entry)).length, entry.size);
  }
});

sharedTest("legacy_from_big_endian.pt is little-endian whatever it says", async () => {
  using checkpoint = await openCheckpoint(at("legacy_from_big_endian.pt"));
  const [name] = checkpoint.names as [string];
  assert.deepEqual([...(await checkpoint.read(name)).data], [1, 2, 3.5]);
});

sharedTest("bomb_4kB_900MB.pt, jpeg_dimension_bomb.jpg: limit", async () => {
  const limit = { code: "limit" };
  await assert.rejects(openCheckpoint(at("bomb_4kB_900MB.pt")), limit);
  const image = await bytesOf("jpeg_dimension_bomb.jpg");
  await assert.rejects(decodeImage(image, { acceptDamaged: true }), limit);
});

sharedTest("float_shape.safetensors is refused as the reference does", async () => {
  const bytes = await bytesOf("float_shape.safetensors");
  assert.throws(() => readSafetensors(bytes), { name: "TransportError", code: "format" });
});

for (const [file, kind] of [["sparse_mixed.pt", "sparse"], ["quant_mixed.pt", "quantised"]]) {
  sharedTest(
    `${file}: ${kind} tensors are not read, also where the names in it are allowed`,
    async () => {
      const refused = {
        code: "checkpoint-refused",
        message: new RegExp(`${kind} tensors are not read`),
      };
      await assert.rejects(openCheckpoint(at(file!)), refused);
      const allowGlobals = [
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_qtensor",
        "torch.QInt8Storage",
        "torch.per_tensor_affine",
      ];
      await assert.rejects(openCheckpoint(at(file!), { allowGlobals }), refused);
    },
  );
}

sharedTest("with_text.npz: the bad array is named, the others can be read", async () => {
  const bytes = await bytesOf("with_text.npz");
  await assert.rejects(async () => await readNpz(bytes), {
    code: "unsupported",
    message: /text|"/,
  });
  using reader = await NpzReader.open(bytes);
  const read = await Promise.allSettled(reader.names.map((name) => reader.read(name)));
  const states = read.map(({ status }) => status);
  assert.ok(states.includes("fulfilled") && states.includes("rejected"), states.join());
});

/** Runs a module in a terminal; what it shows steers nothing. */
async function assertHarmless(module: string, ...args: string[]): Promise<void> {
  const path = join(ROOT, "packages", module, "mod.ts");
  const { code, seen } = await inTerminal(pathToFileURL(path).href, ...args);
  assert.ok(code <= 1, seen);
  // deno-lint-ignore no-control-regex -- these are what must not get through
  assert.doesNotMatch(seen, /[\0-\x08\x0b-\x1f\x7f-\x9f]/);
  assert.match(seen, /\\(x|u00)1b/);
}

const isHere = hasTerminal ? sharedTest : Deno.test.ignore;

isHere(
  "terminal_escape.safetensors, xss.ecdc: what steers a terminal is made visible",
  async () => {
    await assertHarmless("onnx", "doctor", at("terminal_escape.safetensors"));
    await assertHarmless("encodec-stream", "-i", at("xss.ecdc"));
  },
);

sharedTest("open_clip_epoch_1gpu.pt is read by the model and fits in doctor", async () => {
  const pretrained = at("open_clip_epoch_1gpu.pt");
  const cache = await Deno.makeTempDir();
  try {
    using encoder = await openEncoder({ model: "ViT-B-32", pretrained, device: "cpu", cache });
    assert.equal(encoder.info.weights, pretrained);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--frozen",
        join(ROOT, "packages/clip-drift/mod.ts"),
        "doctor",
        pretrained,
      ],
      stderr: "inherit",
    }).output();
    assert.match(new TextDecoder().decode(stdout), /Model +ViT-B-32/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
