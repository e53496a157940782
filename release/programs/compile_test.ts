/**
 * What `deno compile` embeds: checked with Deno's own binary in the place of the runtime that it
 * would download, so the result does not run, but the list of what is in it is the real one.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { compile, TARGETS } from "./compile.ts";
import { filesBeside, PROGRAMS, ROOT } from "./programs.ts";

/** Libraries of other platforms, and FFmpeg in the process, which is under the GPL. */
const FOREIGN = Deno.build.os === "linux"
  ? /node-av|win32|darwin|musl|\.dll|\.dylib/
  : /node-av|linux|musl|\.so\b/;

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** Bytes of a size as `deno compile` writes it. */
function bytesOf(size: string): number {
  const [, number, unit] = /([\d.]+)([KMG]?B)/.exec(size)!;
  return Number(number) * UNITS[unit!]!;
}

Deno.test("deno compile embeds this platform's libraries and the weights, nothing else", async (t) => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", Deno.execPath());
  try {
    for (const program of PROGRAMS) {
      await t.step(program.name, async () => {
        const said = await compile(program, { folder });
        const total = bytesOf(/^Files: (.*)$/m.exec(said)![1]!);
        assert.ok(total <= program.limit, `${program.name} embeds ${total} bytes`);
        const beside = await filesBeside(program);
        const paths = beside.map(({ path }) => path);
        const sizes = await Promise.all(
          beside.map(async ({ source }) => (await Deno.stat(source)).size),
        );
        const listed = bytesOf(/ parts\/\* \(([\d.]+MB)/.exec(said)![1]!);
        const bytes = sizes.reduce((sum, size) => sum + size, 0);
        assert.ok(Math.abs(listed / bytes - 1) < 0.03, `${listed} of ${bytes} bytes beside it`);
        assert.equal(paths.filter((path) => /onnxruntime/.test(path)).length, 1);
        for (const { files: [file] } of program.models) {
          assert.ok(paths.includes(`models/${file!.file}`));
        }
        assert.doesNotMatch(paths.join("\n"), FOREIGN);
        assert.equal(program.name === "patch-stream", said.includes("worker.ts"));
        assert.doesNotMatch(said, /_test\.ts|testdata|node_modules/);
      });
    }
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
    await Deno.remove(folder, { recursive: true });
  }
  for (const { name } of PROGRAMS) {
    const left = join(ROOT, "packages", name, "parts");
    await assert.rejects(Deno.stat(left), Deno.errors.NotFound, "nothing is left in the tree");
  }
});

Deno.test("a target that nothing is built for is refused by name", async () => {
  await assert.rejects(
    compile(PROGRAMS[0]!, { target: "sparc-sun-solaris", folder: "unused" }),
    (error: Error) => Object.keys(TARGETS).every((target) => error.message.includes(target)),
  );
});
