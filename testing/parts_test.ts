import assert from "node:assert/strict";
import { filesBelow, importsOf, isPublished, readText } from "./house.ts";
import { lockedPackages, ONNX_RUNTIMES, readLock, TABLES, WHEELS } from "./parts.ts";
import * as CUDA_TABLE from "../packages/onnx/cuda/cuda_parts.ts";
import { ONNX_RUNTIME } from "../packages/onnx/runtime/runtime_part.ts";
import type { Part } from "../packages/transport/parts/part.ts";
import { OLDEST_RUNTIME } from "./oldest_runtime_part.ts";

for (const [file, plans] of Object.entries(TABLES)) {
  for (const plan of plans) {
    Deno.test(`${plan.constant}: the packages and hashes are those of its lock`, async () => {
      const table: Record<string, Part> = await import(`../${file}`);
      const { packages, ...part } = table[plan.constant]!;
      assert.deepEqual(part, plan.part);
      const locked = lockedPackages(await readLock(plan), plan);
      assert.deepEqual(packages.map(({ bytes: _, ...row }) => row), locked);
    });
  }
}

Deno.test("the table of ONNX Runtime is of the versions that it is made for", () => {
  for (
    const [part, version] of [
      [ONNX_RUNTIME, ONNX_RUNTIMES.latest],
      [OLDEST_RUNTIME, ONNX_RUNTIMES.oldest],
    ] as const
  ) {
    assert.deepEqual(new Set(part.packages.map((row) => row.version)), new Set([version]));
  }
});

for (const { constant, part, version, files } of WHEELS) {
  Deno.test(`${constant}: the version, files and platforms are those that it is made for`, () => {
    const { packages, ...about } = new Map<string, Part>(Object.entries(CUDA_TABLE)).get(constant)!;
    assert.deepEqual(about, part);
    const platforms = packages.map(({ platform }) => platform);
    assert.deepEqual(platforms, ["linux-x64", "linux-arm64", "win32-x64"]);
    for (
      const { name, platform = "", wheel = "", integrity, files: kept = {}, ...row } of packages
    ) {
      assert.deepEqual([name, row.version], [part.name, version]);
      // The order is that of loading.
      assert.deepEqual(Object.keys(kept), files[platform]);
      assert.ok(wheel.startsWith(`${name.replaceAll("-", "_")}-${version}-`), wheel);
      for (const hash of [integrity, ...Object.values(kept)]) assert.match(hash, /^sha256-.{43}=$/);
    }
  });
}

Deno.test("nothing that is published names a package of npm", async () => {
  for (const path of (await filesBelow("packages")).filter(isPublished)) {
    const text = await readText(path);
    for (const specifier of importsOf(text)) {
      assert.match(specifier, /^(\.|node:|@vcs\/)/, `${path} imports ${specifier}`);
    }
    assert.doesNotMatch(text.replaceAll(/^ \*.*$/gm, ""), /"(npm|jsr):/, path);
  }
});
