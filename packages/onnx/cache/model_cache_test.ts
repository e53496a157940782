import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { adding, firstElement, namesIn, withFolder } from "../testdata/adding.ts";
import { checkFiles } from "./manifest.ts";
import { cachedModel } from "./model_cache.ts";

/** What a test's steps say on stderr. */
async function saidBy(work: () => Promise<void>): Promise<string> {
  const { writeSync } = Deno.stderr;
  let said = "";
  Deno.stderr.writeSync = (bytes) => (said += new TextDecoder().decode(bytes), bytes.length);
  try {
    await work();
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
  return said;
}

Deno.test("a cached model is built once for each identity and description", () =>
  withFolder(async (folder) => {
    const first = adding(1);
    const path = await cachedModel(first.graph, ["weights 1"], folder);
    assert.equal(first.reads(), 1);
    const again = adding(1);
    assert.equal(await cachedModel(again.graph, ["weights 1"], folder), path);
    assert.equal(again.reads(), 0);
    const other = await cachedModel(adding(2).graph, ["weights 2"], folder);
    assert.notEqual(other, path);
    assert.deepEqual([await firstElement(path), await firstElement(other)], [1, 2]);
    assert.equal((await namesIn(folder)).length, 2);
  }));

Deno.test("several builders of one model at once all get it", () =>
  withFolder(async (folder) => {
    const paths = await Promise.all(
      [1, 2, 3, 4].map(() => cachedModel(adding(7).graph, ["w"], folder)),
    );
    assert.equal(new Set(paths).size, 1);
    assert.equal(await firstElement(paths[0]!), 7);
    assert.equal((await namesIn(folder)).length, 1);
  }));

Deno.test("a cached model that was half removed is built again", () =>
  withFolder(async (folder) => {
    const path = await cachedModel(adding(3).graph, ["w"], folder);
    for (const lost of [path, path.replace(/onnx$/, "weights")]) {
      await Deno.remove(lost);
      assert.equal(await cachedModel(adding(3).graph, ["w"], folder), path);
      assert.equal(await firstElement(path), 3);
      assert.ok((await Deno.stat(lost)).isFile);
      assert.equal((await namesIn(folder)).length, 1);
    }
  }));

Deno.test("what killed builds left in the cache goes after a day, and nothing else", () =>
  withFolder(async (folder) => {
    const model = basename(dirname(await cachedModel(adding(4).graph, ["w"], folder)));
    const build = () => `${model}.${crypto.randomUUID()}.part`;
    const [young, ...old] = [build(), build(), "film.part", model] as const;
    await Promise.all(
      [young, ...old].map((name) => Deno.mkdir(join(folder, name), { recursive: true })),
    );
    const then = new Date(Date.now() - 2 * 86_400_000);
    await Promise.all(old.map((name) => Deno.utime(join(folder, name), then, then)));
    await cachedModel(adding(5).graph, ["other"], folder);
    const names = await namesIn(folder);
    assert.deepEqual(old.map((name) => names.includes(name)), [false, true, true]);
    assert.ok(names.includes(young));
  }));

/** Damage to a file, by what is damaged. */
const DAMAGE: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array>> = {
  "zeroed": (bytes) => bytes.fill(0),
  "a flipped bit": (bytes) => (bytes[bytes.length >> 1]! ^= 1, bytes),
  "truncated": (bytes) => bytes.subarray(0, bytes.length - 1),
  "emptied": () => new Uint8Array(),
};

for (const [what, damage] of Object.entries(DAMAGE)) {
  Deno.test(`a cached model that is damaged is built again, and a line says so: ${what}`, () =>
    withFolder(async (folder) => {
      const path = await cachedModel(adding(3).graph, ["w"], folder);
      for (const file of [path.replace(/onnx$/, "weights"), path]) {
        const { mtime } = await Deno.stat(file);
        await Deno.writeFile(file, damage(await Deno.readFile(file)));
        await Deno.utime(file, mtime!, mtime!);
        const again = adding(3);
        const said = await saidBy(async () =>
          assert.equal(await cachedModel(again.graph, ["w"], folder), path)
        );
        assert.equal(again.reads(), 1);
        assert.equal(said, `note: ${dirname(path)} is damaged and is built again\n`);
        assert.equal(await firstElement(path), 3);
      }
    }));
}

Deno.test("a model without its list, as a killed build leaves it, is built again", () =>
  withFolder(async (folder) => {
    const path = await cachedModel(adding(3).graph, ["w"], folder);
    const list = join(dirname(path), "manifest.json");
    for (const text of [undefined, "", "null", "[]", "{"]) {
      await (text === undefined ? Deno.remove(list) : Deno.writeTextFile(list, text));
      const again = adding(3);
      await saidBy(async () => void await cachedModel(again.graph, ["w"], folder));
      assert.equal(again.reads(), 1, text);
    }
    const { source, files } = JSON.parse(await Deno.readTextFile(list));
    assert.deepEqual(source, ["w"]);
    assert.deepEqual(Object.keys(files), ["adding.weights", "adding.onnx"]);
  }));

Deno.test("weights are read once per change of their file, sizes and graph always", () =>
  withFolder(async (folder) => {
    const path = await cachedModel(adding(3).graph, ["w"], folder);
    const list = join(dirname(path), "manifest.json");
    const check = () =>
      checkFiles(dirname(path), ["adding.weights", "adding.onnx"], Date.now() + 60_000);
    const noted = async (file: string, sha256: string) => {
      const manifest = JSON.parse(await Deno.readTextFile(list));
      const known = manifest.files[file].sha256;
      manifest.files[file].sha256 = sha256;
      await Deno.writeTextFile(list, JSON.stringify(manifest));
      return known;
    };
    assert.equal(await check(), "right");
    const sha256 = await noted("adding.weights", "another");
    assert.equal(await check(), "right");
    await Deno.utime(path.replace(/onnx$/, "weights"), 1, 1);
    assert.equal(await check(), "damaged");
    await noted("adding.weights", sha256);
    assert.equal(await check(), "right");
    await noted("adding.onnx", "another");
    assert.equal(await check(), "damaged");
  }));

Deno.test("where the cache cannot be written, models lie in a temporary folder, and a line says so", () =>
  withFolder(async (folder) => {
    const closed = join(folder, "file");
    await Deno.writeTextFile(closed, "");
    const paths: string[] = [];
    const said = await saidBy(async () => {
      for (const value of [6, 6, 7]) {
        paths.push(await cachedModel(adding(value).graph, [`${value}`], closed));
      }
    });
    const [first, again, other] = paths as [string, string, string];
    assert.equal(again, first);
    assert.deepEqual([await firstElement(first), await firstElement(other)], [6, 7]);
    assert.match(said, /^note: cannot write to .*file \(.*\); models are built in .* for now\n$/);
    assert.equal(await Deno.readTextFile(closed), "");
  }));
