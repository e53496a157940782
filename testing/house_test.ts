import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import {
  exportsOf,
  filesBelow,
  filesByFolder,
  importsOf,
  isPublished,
  MAY_IMPORT,
  PACKAGES,
  readText,
  ROOT,
} from "./house.ts";

const ROOT_FILES = 9;
const FOLDER_FILES = 15;
/** That of `together` came when they were all in use: it stands above the four, so none can have it. */
const IMPORT_PATHS = 61;
/** Files at the root that only sibling packages may use. */
const SIBLINGS_ONLY = ["internal.ts", "portable.ts"];
const NAMELESS = ["lib", "src", "internal", "util", "utils", "common", "misc", "helpers"];

for (const name of PACKAGES) {
  Deno.test(`${name}: at the root stands the public API, in folders how it is done`, async () => {
    const folders = await filesByFolder(name);
    const root = folders.get(".")!.filter((file) => !SIBLINGS_ONLY.includes(file));
    assert.ok(root.length <= ROOT_FILES, `${root.length} files at the root: ${root.join(", ")}`);
    for (const [folder, files] of folders) {
      assert.ok(files.length <= FOLDER_FILES || folder === ".", `${folder}: ${files.length} files`);
      const parts = folder.split("/");
      assert.ok(!parts.some((part) => NAMELESS.includes(part)), `${folder} says nothing`);
    }
  });

  Deno.test(`${name}: each file at the root is an import path of its own name`, async () => {
    const folders = await filesByFolder(name);
    const expected = Object.fromEntries(
      folders.get(".")!.map((file) => {
        const path = file === "mod.ts" ? "." : `./${basename(file, ".ts")}`;
        return [path, `./${file}`];
      }),
    );
    assert.deepEqual(
      new Map(Object.entries(await exportsOf(name))),
      new Map(Object.entries(expected)),
    );
  });

  Deno.test(`${name}: nothing is exported but by name`, async () => {
    for (const path of (await filesBelow(`packages/${name}`)).filter(isPublished)) {
      assert.doesNotMatch(await readText(path), /^export \* from/m, path);
    }
  });

  Deno.test(`${name}: imports point down, and only at what others may use`, async () => {
    for (const path of (await filesBelow(`packages/${name}`)).filter(isPublished)) {
      for (const specifier of importsOf(await readText(path))) {
        const [, other] = /^@vcs\/([^/]+)/.exec(specifier) ?? [];
        const isAllowed = other === undefined || MAY_IMPORT[name]!.includes(other);
        assert.ok(isAllowed, `${path} imports ${specifier}`);
        if (specifier.startsWith(".")) {
          const target = join(dirname(path), specifier);
          assert.ok(target.startsWith(`packages/${name}/`), `${path} imports ${specifier}`);
        }
      }
    }
  });

  Deno.test(`${name}: ARCHITECTURE.md has a line for each folder`, async () => {
    const text = await readText("ARCHITECTURE.md");
    const [, tree = ""] = new RegExp(`^### ${name}\n[^]*?\`\`\`\n([^]*?)\`\`\``, "m").exec(text) ??
      [];
    const written = [...tree.matchAll(/^ {2}([\w-]+)\/ /gm)].map((match) => match[1]!);
    const folders = [...(await filesByFolder(name)).keys()].map((folder) => folder.split("/")[0]!);
    assert.deepEqual(written, [...new Set(folders)].filter((folder) => folder !== ".").sort());
  });

  Deno.test(`${name}: the module documentation of each import path names it`, async () => {
    for (const file of Object.values(await exportsOf(name))) {
      const text = await readText(join("packages", name, file));
      assert.match(text, /^\/\*\*[\s\S]*?@module/, `${name}/${file} has no module documentation`);
    }
  });
}

Deno.test("all packages together have few import paths", async () => {
  const paths = await Promise.all(PACKAGES.map(async (name) => Object.keys(await exportsOf(name))));
  assert.ok(paths.flat().length <= IMPORT_PATHS, `${paths.flat().length} import paths`);
});

Deno.test("nothing that tests share is imported by published code", async () => {
  for (const path of (await filesBelow("packages")).filter(isPublished)) {
    for (const specifier of importsOf(await readText(path))) {
      const isOurs = !specifier.startsWith("#testing/") &&
        !/\/(testing|testdata)\//.test(specifier);
      assert.ok(isOurs, `${path} imports ${specifier}`);
    }
  }
});

/** Files that may be weights: anything as large as even our smallest network. */
async function weightFiles(): Promise<string[]> {
  const known = [".safetensors", ".pt", ".pth", ".th", ".ckpt"];
  const all = [...await filesBelow("packages"), ...await filesBelow("models")];
  const sized = await Promise.all(
    all.filter((path) => known.includes(extname(path)))
      .map(async (path) => ({ path, bytes: (await stat(join(ROOT, path))).size })),
  );
  return sized.filter(({ bytes }) => bytes > 100_000).map(({ path }) => path);
}

/** Names and shapes of a file's tensors, in one text. */
async function tensorsOf(path: string): Promise<string> {
  using checkpoint = await openCheckpoint(join(ROOT, path));
  const rows = checkpoint.names.map((name) => `${name} ${checkpoint.info(name).shape}`);
  return rows.sort().join("\n");
}

/** What writes to the terminal; `print`, `say` and `ProgressLine` make visible what steers one. */
const OUTPUTS = /Deno\.std(out|err)\b(?!\.isTerminal)|(?<![#.\w])process\.std|console\./;

/** The files that may: those three, and those who write data where no terminal is. */
const MAY_WRITE: readonly string[] = [
  "packages/encodec-stream/container/sinks.ts",
  "packages/transport/batch/processes/serve_items.ts",
  "packages/transport/command/progress.ts",
  "packages/transport/command/terminal.ts",
  "packages/video-vq/frames/outputs.ts",
];

Deno.test("what people read goes through one place", async () => {
  const paths = (await Promise.all(["packages", "apps"].map(filesBelow))).flat();
  const writers: string[] = [];
  for (const path of paths.filter(isPublished).filter((path) => !path.endsWith("assets.ts"))) {
    const code = (await readText(path)).replace(/^ *(\/\*)?\*.*$/gm, "");
    if (OUTPUTS.test(code)) writers.push(path);
  }
  assert.deepEqual(writers.sort(), MAY_WRITE);
});

Deno.test("no two files of weights hold the same network", async () => {
  const seen = new Map<string, string>();
  const files = await weightFiles();
  assert.ok(files.length >= 2, "the bundled weights were not found");
  for (const path of files) {
    const tensors = await tensorsOf(path);
    assert.equal(seen.get(tensors), undefined, `${path} holds the tensors of ${seen.get(tensors)}`);
    seen.set(tensors, path);
  }
});
