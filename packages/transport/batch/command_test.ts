import assert from "node:assert/strict";
import { join } from "node:path";
import { runKnown } from "../testing/run_known.ts";

/** Texts in a folder, for the command to work on; gives where they are and where their records go. */
async function withTexts(
  texts: Readonly<Record<string, string>>,
  test: (input: string, output: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "in"));
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(join(folder, "in", name), text);
    }
    await test(join(folder, "in"), join(folder, "out"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("- in place of inputs is a list on standard input, also among others", async () => {
  await withTexts({ "a.txt": "", "b.txt": "", "c.txt": "" }, async (input, output) => {
    const [a, b] = ["a.txt", "b.txt"].map((name) => join(input, name));
    const stdin = `${JSON.stringify({ key: "one", source: a })}\n\n${
      JSON.stringify({ key: "two", source: b })
    }`;
    const args = ["batch", "-", join(input, "c.txt"), "-o", output, "--json"];
    const { code, stdout, said } = await runKnown(args, { stdin });
    assert.equal(code, 0, said);
    const results = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(results.map(({ key, state }) => [key, state]), [
      ...[["one", "done"], ["two", "done"], ["c.txt", "done"]],
    ]);
    const wrong = await runKnown(["batch", "-", "-o", `${output}2`], { stdin: "\n{}\n" });
    assert.equal(wrong.code, 2);
    assert.match(wrong.said, /Cannot read line 2 of standard input: found no source/);
  });
});

Deno.test("the summary says kinds of failures and what was read, and failures make exit code 1", async () => {
  const texts = { "a.txt": "bad", "b.txt": "worse", "c.txt": "bad", "d.txt": "", "e.txt": "" };
  await withTexts(
    { ...texts, "d.txt": "read 3 60", "e.txt": "read 2 40" },
    async (input, output) => {
      const { code, said } = await runKnown(["batch", input, "-o", output]);
      assert.equal(code, 1);
      const failures = "3 failed (format 2, truncated 1)";
      assert.equal(
        said,
        `2 items done, ${failures}: ${output}\nread 5 of 100 bytes (5.0 %) over the network\n`,
      );
      const again = await runKnown(["batch", input, "-o", output]);
      assert.equal(again.said, `0 items done, 2 done before, ${failures}: ${output}\n`);
    },
  );
});

Deno.test("--max-failures ends a batch with exit code 1; the same without it goes on", async () => {
  const texts = { "a.txt": "bad", "b.txt": "", "c.txt": "bad", "d.txt": "" };
  await withTexts(texts, async (input, output) => {
    const args = ["batch", input, "-o", output, "--jobs", "1"];
    const { code, said } = await runKnown([...args, "--max-failures", "1"]);
    assert.equal(code, 1);
    assert.match(said, /Cannot go on: found 2 failures, expected 1 at most; the last: c\.txt: /);
    const rest = await runKnown(args);
    assert.equal(rest.said, `1 items done, 1 done before, 2 failed (format 2): ${output}\n`);
    await Deno.writeTextFile(join(input, "a.txt"), "");
    const enough = await runKnown([...args, "--max-failures", "1", "--retry-failed"]);
    assert.equal(enough.said, `1 items done, 2 done before, 1 failed (format 1): ${output}\n`);
  });
});

Deno.test("parts of a batch are merged as the README says it, with no other option", async () => {
  await withTexts(
    { "a.txt": "", "b.txt": "", "c.txt": "bad", "d.txt": "" },
    async (input, output) => {
      for (const part of ["0/2", "1/2"]) {
        await runKnown(["batch", input, "-o", output, "--shard", part]);
      }
      const { code, said } = await runKnown(["merge", output, "--verify"]);
      assert.equal(code, 1);
      assert.equal(said, `3 records in 2 files, 1 failed (format 1): ${output}\n`);
      await Deno.writeTextFile(join(output, "d.txt.safetensors"), "other");
      const other = await runKnown(["merge", output]);
      assert.equal(other.code, 2);
      assert.match(other.said, /found 5 bytes in d\.txt\.safetensors, expected \d+\n/);
    },
  );
});

for (
  const [words, expected] of [
    [["submit", "in", "--max-failures", "3"], "found --max-failures, expected it with batch work"],
    [["work", "--shard", "0/2"], "found --shard, expected it without --queue"],
    [["submit", "in", "--shard", "0/2"], "found --shard, expected it without --queue"],
    [["work", "--shard-size", "1M"], "found --shard-size, expected it without --queue"],
    [["work", "--retry-failed"], "found --retry-failed, expected it with batch submit"],
    [["work", "--list", "in"], "found --list, expected it with batch submit"],
    [["status", "--jobs", "2"], "found --jobs, expected it with batch work"],
    [["cancel", "--attempts", "2"], "found --attempts, expected it with batch submit"],
  ] as const
) {
  Deno.test(`queue: an option that would do nothing is refused: ${words.join(" ")}`, async () => {
    const args = ["batch", ...words, "--queue", "redis://127.0.0.1:1", "-o", "out"];
    const { code, said } = await runKnown(args);
    assert.equal(code, 2);
    assert.ok(said.startsWith(`known: Cannot ${words[0]} with --queue: ${expected}\n`), said);
  });
}
