import { mutations } from "#testing/fuzz.ts";
import { needs } from "#testing/shared.ts";
import { tarBytes, type TarEntry } from "#testing/tarball.ts";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { concatBytes } from "../io/bytes.ts";
import { tarFiles } from "./tar.ts";

interface Read {
  readonly path: string;
  readonly text: string;
  readonly isExecutable: boolean;
}

async function read(bytes: Uint8Array<ArrayBuffer>): Promise<Read[]> {
  const files: Read[] = [];
  for await (const { path, isExecutable, body } of tarFiles(new Blob([bytes]).stream(), "a.tar")) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk.slice());
    files.push({ path, isExecutable, text: new TextDecoder().decode(concatBytes(chunks)) });
  }
  return files;
}

async function assertRefused(
  entries: TarEntry[] | Uint8Array<ArrayBuffer>,
  code: TransportErrorCode,
  message: RegExp,
): Promise<void> {
  const bytes = entries instanceof Uint8Array ? entries : tarBytes(entries);
  await assert.rejects(read(bytes), (error) => {
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

/** A pax record, which counts its own digits. */
function pax(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = new TextEncoder().encode(rest).length;
  const digits = String(length + String(length).length).length;
  return `${length + digits}${rest}`;
}

const LONG = `package/${"deep/".repeat(40)}ünï.js`;

Deno.test("files come below the archive's top folder, with their bytes and modes", async () => {
  const big = "x".repeat(200_000);
  const files = await read(tarBytes([
    { path: "package/", type: "5" },
    { path: "package/index.js", content: "one" },
    { path: "package/./bin/run", content: big, mode: "755" },
    { path: "package/empty" },
    { path: "last", prefix: "package/far", content: "two" },
    { path: "package/old", type: "\0", content: "three" },
  ]));
  assert.deepEqual(files, [
    { path: "index.js", isExecutable: false, text: "one" },
    { path: "bin/run", isExecutable: true, text: big },
    { path: "empty", isExecutable: false, text: "" },
    { path: "far/last", isExecutable: false, text: "two" },
    { path: "old", isExecutable: false, text: "three" },
  ]);
});

Deno.test("long names and sizes of pax and GNU count for the next file alone", async () => {
  const files = await read(tarBytes([
    { path: "pax_global_header", type: "g", content: pax("comment", "abc") },
    { path: "PaxHeader/x", type: "x", content: pax("path", LONG) + pax("mtime", "1.5") },
    { path: "package/short", content: "one" },
    { path: "././@LongLink", type: "L", content: `${LONG}\0` },
    { path: "package/short", content: "two" },
    { path: "PaxHeader/x", type: "x", content: pax("size", "5") },
    { path: "package/sized", content: "three", size: "0" },
    { path: "package/next", content: "four" },
  ]));
  const long = LONG.replace("package/", "");
  assert.deepEqual(files.map(({ path }) => path), [long, long, "sized", "next"]);
  assert.deepEqual(files.map(({ text }) => text), ["one", "two", "three", "four"]);
});

for (const format of ["ustar", "gnu", "pax"]) {
  Deno.test({
    name: `tar's own archives are read: ${format}`,
    ...needs(spawnSync("tar", ["--version"]).status === 0),
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const names = ["package/a.txt", `package/${"folder/".repeat(12)}${"n".repeat(90)}`];
        for (const name of names) {
          await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
          await Deno.writeTextFile(`${folder}/${name}`, name);
        }
        const args = ["-cf", "-", "-C", folder, `--format=${format}`, ...names];
        const { stdout } = spawnSync("tar", args);
        const found = await read(new Uint8Array(stdout));
        assert.deepEqual(found.map(({ text }) => text), names);
        assert.deepEqual(found.map(({ path }) => `package/${path}`), names);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("what is not taken of a file is skipped", async () => {
  const bytes = tarBytes([{ path: "p/a", content: "x".repeat(3000) }, {
    path: "p/b",
    content: "b",
  }]);
  const paths: string[] = [];
  for await (const { path, body } of tarFiles(new Blob([bytes]).stream(), "a.tar")) {
    paths.push(path);
    for await (const _ of body) break;
  }
  assert.deepEqual(paths, ["a", "b"]);
});

const ESCAPES = [
  "package/../../evil",
  "../evil",
  "..",
  "/etc/evil",
  "package/a\\..\\..\\evil",
  "package/C:evil",
  "package",
  "",
];
for (const path of ESCAPES) {
  Deno.test(`a path that leads out is refused: ${JSON.stringify(path)}`, async () => {
    await assertRefused([{ path, content: "x" }], "format", /leads out of it/);
  });
}

Deno.test("a long name that leads out is refused like a short one", async () => {
  const file = { path: "package/a", content: "x" };
  const long = { path: "x", type: "x", content: pax("path", "package/../../evil") };
  await assertRefused([long, file], "format", /leads out of it/);
  await assertRefused(
    [{ ...long, type: "L", content: "/evil" }, file],
    "format",
    /leads out of it/,
  );
});

for (const [type, what] of [["1", "hard link"], ["2", "link"], ["3", "device"], ["6", "pipe"]]) {
  Deno.test(`a ${what} is refused`, async () => {
    await assertRefused([{ path: "package/a", type: type! }], "format", /not a plain file/);
  });
}

Deno.test("sizes are bounded before their bytes are read", async () => {
  await assertRefused([{ path: "p/a", size: "10000000001" }], "limit", /more than 1 GiB/);
  await assertRefused([{ path: "p/a", type: "L", size: "10000000" }], "format", /a name of/);
});

Deno.test("damage is noticed: checksum, numbers, records, the end", async () => {
  const whole = tarBytes([{ path: "p/a", content: "x".repeat(3000) }]);
  const flipped = whole.slice();
  flipped[3]! ^= 1;
  await assertRefused(flipped, "format", /checksum of a header/);
  await assertRefused([{ path: "p/a", size: "9" }], "format", /a number is/);
  await assertRefused(whole.slice(0, 2000), "truncated", /end .* too early/);
  await assertRefused(whole.slice(0, 100), "truncated", /end .* too early/);
  for (const records of ["5 a=b", "99 path=x\n", "x path=x\n", "9 pathxxx\n", pax("size", "-1")]) {
    const entries = [{ path: "x", type: "x", content: records }, { path: "p/a" }];
    await assertRefused(entries, "format", /pax records are damaged|a size is not a number/);
  }
});

Deno.test("damaged archives end in an error or in files below the top folder", async () => {
  const good = tarBytes([
    { path: "package/index.js", content: "one" },
    { path: "x", type: "x", content: pax("path", "package/long/name") },
    { path: "package/short", content: "two" },
  ]);
  for (const bytes of mutations(good, 3000)) {
    try {
      for (const { path } of await read(new Uint8Array(bytes))) {
        assert.doesNotMatch(path, /^\/|\\|:|(^|\/)\.\.(\/|$)/);
      }
    } catch (error) {
      assert.ok(error instanceof TransportError, String(error));
    }
  }
});
