import { hasPrograms, needs } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { datedChangelog } from "./changelog.ts";
import { release } from "./release.ts";

const MEMBERS = ["packages/a", "packages/b", "apps/c"];
const CHANGELOG = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- First.\n";

async function git(folder: string, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
  const { stdout } = await new Deno.Command("git", { args: [...who, ...args], cwd: folder })
    .output();
  return new TextDecoder().decode(stdout).trim();
}

/** A repository of two packages whose checks end as they are told to. */
async function repository(check = "echo ok") {
  const folder = await Deno.makeTempDir();
  const write = (path: string, text: string) => Deno.writeTextFile(join(folder, path), text);
  await write(
    "deno.json",
    JSON.stringify({ workspace: ["./packages/*", "./apps/c"], tasks: { ok: check } }),
  );
  await write("CHANGELOG.md", CHANGELOG);
  for (const name of MEMBERS) {
    await Deno.mkdir(join(folder, name), { recursive: true });
    await write(`${name}/deno.json`, `{\n  "name": "@x/${name}",\n  "version": "0.1.9"\n}\n`);
  }
  await git(folder, "init", "--quiet");
  await git(folder, "config", "user.name", "A");
  await git(folder, "config", "user.email", "a@example.com");
  await git(folder, "add", ".");
  await git(folder, "commit", "--quiet", "--message", "first");
  const read = (path: string) => Deno.readTextFile(join(folder, path));
  const said: string[] = [];
  const make = (version: string, dryRun = false) =>
    release({ folder, version, date: "2026-02-03", dryRun, say: (line) => said.push(line) });
  const dispose = () => Deno.remove(folder, { recursive: true });
  return { folder, read, write, said, make, [Symbol.asyncDispose]: dispose };
}

function gitTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `release: ${name}`, ...needs(hasPrograms("git")), fn });
}

gitTest("versions and changelog are written, committed and tagged", async () => {
  await using made = await repository();
  await made.make("0.1.10");
  for (const name of MEMBERS) {
    const wanted = { name: `@x/${name}`, version: "0.1.10" };
    assert.deepEqual(JSON.parse(await made.read(`${name}/deno.json`)), wanted);
  }
  assert.match(
    await made.read("CHANGELOG.md"),
    /\n## Unreleased\n\n## 0\.1\.10 \(2026-02-03\)\n\n- New\.\n\n## 0\.1\.0 /,
  );
  assert.equal(await git(made.folder, "status", "--porcelain"), "");
  assert.equal(await git(made.folder, "log", "-1", "--format=%s"), "chore: release 0.1.10");
  assert.equal(await git(made.folder, "describe", "--exact-match"), "v0.1.10");
});

gitTest("a dry run names the files and changes nothing", async () => {
  await using made = await repository();
  await made.make("1.0.0", true);
  assert.deepEqual(made.said.sort(), [
    "would write CHANGELOG.md",
    ...MEMBERS.toSorted().map((name) => `would write ${join(name, "deno.json")}`),
  ]);
  assert.equal(await git(made.folder, "status", "--porcelain"), "");
  assert.equal(await git(made.folder, "tag"), "");
});

gitTest("a version that does not come next is refused", async () => {
  await using made = await repository();
  for (const version of ["0.1.9", "0.1.8", "0.0.99"]) {
    await assert.rejects(made.make(version), /Cannot release .*: @x\/apps\/c has 0\.1\.9/);
  }
  for (const version of ["1.0", "v1.0.0", "01.0.0", "1.0.0-rc.1"]) {
    await assert.rejects(made.make(version), /expected three numbers/);
  }
});

gitTest("a tree with changes, a taken tag, failing checks: nothing is written", async () => {
  await using failing = await repository("exit 1");
  await assert.rejects(failing.make("0.2.0"), /deno task ok failed/);
  assert.equal(await git(failing.folder, "status", "--porcelain"), "");
  await using made = await repository();
  await git(made.folder, "tag", "v0.2.0");
  await assert.rejects(made.make("0.2.0"), /there is a tag v0\.2\.0/);
  await made.write("new.txt", "x");
  await assert.rejects(made.make("0.3.0"), /has changes:\n\?\? new\.txt/);
});

Deno.test("release: a changelog without anything new is refused", () => {
  assert.throws(() => datedChangelog("# Changelog\n", "1.0.0", "2026-02-03"), /has no section/);
  const empty = CHANGELOG.replace("- New.\n\n", "");
  assert.throws(() => datedChangelog(empty, "1.0.0", "2026-02-03"), /nothing is under Unreleased/);
});
