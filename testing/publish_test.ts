import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { PACKAGES } from "./house.ts";
import {
  codeOf,
  foreignSpecifiers,
  importTypes,
  isModule,
  LIMIT,
  publishAll,
  type PublishedFiles,
  refusal,
  Registry,
} from "./registry.ts";

/** Code of every module of a package, by its path. */
function modulesOf(files: PublishedFiles): [path: string, source: string][] {
  return [...files].filter(([path]) => isModule(path)).map((
    [path, bytes],
  ) => [path, codeOf(bytes)]);
}

Deno.test("all packages are published, and hold what users need and nothing else", async (t) => {
  await using registry = new Registry();
  await publishAll(registry);
  const names = [...registry.published.keys()].map((key) => key.replace(/@[^@]+$/, ""));
  assert.deepEqual(names.sort(), [...PACKAGES, "demo"].map((name) => `@vcs/${name}`).sort());
  for (const [name, files] of registry.published) {
    await t.step(name, () => checkPackage(files));
  }
});

function checkPackage(files: PublishedFiles): void {
  for (const path of files.keys()) {
    assert.match(
      path,
      /^\/([\w-]+\/)*[\w-]+\.(ts|json|md|safetensors|safetensors\.gz|mp4|flac|jpg|svg)$|^\/LICENSE$/,
    );
    assert.doesNotMatch(path, /_test\.ts$|\/(testdata|testing)\//);
  }
  const total = files.values().reduce((sum, { length }) => sum + length, 0);
  assert.ok(total < LIMIT, `${total} bytes`);
  for (const path of ["/README.md", "/LICENSE", "/deno.json"]) assert.ok(files.has(path), path);
  const { exports } = JSON.parse(new TextDecoder().decode(files.get("/deno.json"))) as {
    exports: Record<string, string> | string;
  };
  for (const path of typeof exports === "string" ? [exports] : Object.values(exports)) {
    assert.ok(files.has(path.slice(1)), path);
  }
  for (const [path, source] of modulesOf(files)) {
    assert.ok(importTypes(source).every((type) => type === "json"), path);
    for (const specifier of foreignSpecifiers(source)) {
      assert.match(specifier, /^jsr:@vcs\/[\w-]+@\^\d+\.\d+\.\d+(\/\w+)?$/, path);
    }
    for (const file of besideOf(source)) assert.ok(files.has(join(dirname(path), file)), file);
  }
}

/** Files that a module reads from beside it. */
function besideOf(source: string): string[] {
  return [...source.matchAll(/new URL\(\s*"(\.[^"]+)",\s*import\.meta\.url/g)].map((m) => m[1]!);
}

Deno.test("what JSR refuses is refused here", () => {
  const file = (source: string) => new TextEncoder().encode(source);
  const config = ["/deno.json", file("{}")] as const;
  const of = (path: string, bytes: Uint8Array<ArrayBuffer>) =>
    refusal(new Map([config, [path, bytes]]));
  assert.equal(of("/mod.ts", file(`import a from "./a.json" with { type: "json" };`)), undefined);
  const text = `import a from "./a.css" with { type: "text" };`;
  assert.match(of("/mod.ts", file(text))!, /\/mod\.ts: the import attribute type: "text"/);
  assert.match(of("/mod.ts", file(`import("a", { with: { type: "bytes" } })`))!, /"bytes"/);
  assert.equal(of("/README.md", file(text)), undefined);
  assert.equal(of("/mod.ts", file(`/** ${text} */`)), undefined);
  assert.match(of("/a b.ts", file(""))!, /characters/);
  assert.match(of("/a.bin", new Uint8Array(LIMIT + 1))!, /bytes in all/);
  assert.match(refusal(new Map())!, /deno\.json/);
});

Deno.test("a registry that is switched off refuses and counts", async () => {
  await using registry = new Registry();
  registry.published.set("@vcs/a@1.0.0", new Map([["/mod.ts", new TextEncoder().encode("1")]]));
  const status = async (path: string) => {
    const response = await fetch(new URL(path, registry.url));
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("@vcs/a/1.0.0/mod.ts"), 200);
  assert.equal(await status("@vcs/a/1.0.0/other.ts"), 404);
  registry.switchOff();
  assert.deepEqual(registry.requests, []);
  assert.equal(await status("@vcs/a/1.0.0/mod.ts"), 503);
  assert.equal(registry.requests.length, 1);
});
