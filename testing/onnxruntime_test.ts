import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ALLOWED_VERSIONS, checkVersion } from "../packages/onnx/runtime/ort.ts";
import { OLDEST, oldestLibrary } from "./onnxruntime.ts";
import { needs } from "./shared.ts";

/** Missing where there is no build for this system, or no network and nothing in the cache. */
const library = await oldestLibrary().catch(() => undefined);

/** Tests of numbers; with the latest version they run where they are. */
const TESTS: readonly (readonly [file: string, name: string])[] = [
  ["onnx/session_test.ts", "a run gives what the first gave"],
  ["video-vq/tiny/tokenizer_test.ts", "both graphs give what the trained PyTorch network gives"],
  ["video-vq/tiny/tokenizer_test.ts", "pure red stays it"],
  [
    "encodec-stream/network/encodec_tiny_test.ts",
    "codes and audio are those of the trained PyTorch",
  ],
  ["encodec-stream/codec_test.ts", "encodec_48khz$"],
  ["clip-drift/encoder_test.ts", "gives the reference's unit embeddings"],
];

Deno.test("the oldest ONNX Runtime that is tested is the oldest that is taken", () => {
  assert.ok(ALLOWED_VERSIONS.startsWith(`${OLDEST.replace(/\.0$/, "")} or a later`));
  checkVersion(OLDEST, "lib.so");
});

Deno.test({
  name: `the numbers of our networks are right with onnxruntime-node ${OLDEST}`,
  ...needs(library !== undefined),
  fn: async () => {
    const files = new Set(TESTS.map(([file]) => `packages/${file}`));
    const filter = `/${TESTS.map(([, name]) => name).join("|")}/`;
    // In a process of its own: two versions of the library in one may share their C++ statics.
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--frozen", "--fail-fast", "--filter", filter, ...files],
      cwd: fileURLToPath(new URL("../", import.meta.url)),
      env: { VCS_ONNXRUNTIME: library!, NO_COLOR: "1" },
    }).output();
    const log = new TextDecoder().decode(stdout);
    assert.ok(success, log + new TextDecoder().decode(stderr));
    const [, passed, ignored] = /(\d+) passed.* 0 failed(?: \| (\d+) ignored)?/.exec(log) ?? [];
    assert.equal(Number(passed) + Number(ignored ?? 0), TESTS.length, log);
  },
});
