/** The shell script of a self-extracting file, with a small program in place of a command. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { archiveEnd, archivePart } from "./tar.ts";
import { selfExtracting } from "./stub.ts";

const PROGRAM = `#!/bin/sh
# In place of the runtime: shows where it lies, what it got, and waits if asked to.
echo "$0|$VCS_PARTS|$*"
[ "$8" != wait ] || exec sleep 60
`;

/** Writes a self-extracting file; `filler` makes unpacking last. */
async function make(path: string, version: string, filler = 0): Promise<string> {
  const text = (text: string) => new TextEncoder().encode(text);
  const noise = new Uint8Array(filler);
  for (let at = 0; at < filler; at += 65536) {
    crypto.getRandomValues(noise.subarray(at, Math.min(filler, at + 65536)));
  }
  const payload = [
    await archivePart([
      { path: "noise", bytes: noise },
      { path: "deno/deno", bytes: text(PROGRAM), executable: true },
    ]),
    await archivePart([{ path: "main.js", bytes: text(version) }]),
    await archivePart([{ path: "complete", bytes: text("") }]),
    await archiveEnd(),
  ];
  const bytes = await selfExtracting({ name: "tool", version, platform: "any", payload });
  await Deno.writeFile(path, bytes, { mode: 0o755 });
  return path;
}

interface Place {
  readonly folder: string;
  readonly cache: string;
}

async function inPlace(action: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "single file " });
  try {
    await action({ folder, cache: join(folder, "my cache") });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const spawn = (path: string, args: string[], env: Record<string, string>) =>
  new Deno.Command(path, {
    args,
    env: { PATH: Deno.env.get("PATH")!, ...env },
    clearEnv: true,
    cwd: "/",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

async function run(path: string, args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await spawn(path, args, env).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

const programs = async (cache: string) =>
  (await Array.fromAsync(Deno.readDir(join(cache, "programs")), ({ name }) => name)).sort();

const WINDOWS = Deno.build.os === "windows";

Deno.test({
  name: "single file: unpacks once, says so, and passes its arguments on",
  ignore: WINDOWS,
}, async () => {
  await inPlace(async ({ folder, cache }) => {
    const file = await make(join(folder, "my tool"), "1.0.0");
    const first = await run(file, ["a b", "$c"], { VCS_CACHE: cache });
    assert.equal(first.code, 0, first.stderr);
    const [program, parts, args] = first.stdout.trim().split("|");
    assert.match(program!, /my cache\/programs\/tool-1\.0\.0-\w+\/deno\/deno$/);
    assert.equal(parts, program!.replace("deno/deno", "parts"));
    assert.match(args!, /^run -A .*\/main\.js a b \$c$/);
    assert.match(first.stderr, /^tool: unpacking .* MB into .*, once\n$/);
    const second = await run(file, [], { VCS_CACHE: cache });
    assert.equal(second.stderr, "");
  });
});

Deno.test(
  { name: "single file: eight started at once leave one whole copy", ignore: WINDOWS },
  async () => {
    await inPlace(async ({ folder, cache }) => {
      const file = await make(join(folder, "tool"), "1.0.0", 4 << 20);
      const runs = await Promise.all(
        Array.from({ length: 8 }, () => run(file, [], { VCS_CACHE: cache })),
      );
      for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
      const [only, ...others] = await programs(cache);
      assert.deepEqual(others, []);
      const inside = await Array.fromAsync(
        Deno.readDir(join(cache, "programs", only!)),
        ({ name }) => name,
      );
      const kept = inside.filter((name) => !name.startsWith("run.")).sort();
      assert.deepEqual(kept, ["complete", "deno", "main.js", "noise"]);
    });
  },
);

Deno.test({
  name: "single file: what a killed start left half unpacked is never used, and swept",
  ignore: WINDOWS,
}, async () => {
  await inPlace(async ({ folder, cache }) => {
    const file = await make(join(folder, "tool"), "1.0.0", 64 << 20);
    const first = spawn(file, [], { VCS_CACHE: cache });
    while (!(await programs(cache).catch(() => [])).length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    first.kill("SIGKILL");
    await first.output();
    assert.match((await programs(cache)).join(), /^tool-1\.0\.0-\w+\.part\.\d+$/);
    const second = await run(file, [], { VCS_CACHE: cache });
    assert.equal(second.code, 0, second.stderr);
    assert.match((await programs(cache)).join(), /^tool-1\.0\.0-\w+$/);
  });
});

Deno.test(
  { name: "single file: an old version is swept, unless it runs", ignore: WINDOWS },
  async () => {
    await inPlace(async ({ folder, cache }) => {
      const env = { VCS_CACHE: cache };
      const [one, two, three] = [
        await make(join(folder, "one"), "1.0.0"),
        await make(join(folder, "two"), "2.0.0"),
        await make(join(folder, "three"), "3.0.0"),
      ];
      await run(one, [], env);
      const running = spawn(two, ["wait"], env);
      const reader = running.stdout.getReader();
      await reader.read();
      await run(three, [], env);
      assert.match((await programs(cache)).join(), /^tool-2\.0\.0-\w+,tool-3\.0\.0-\w+$/);
      running.kill("SIGKILL");
      reader.releaseLock();
      await running.output();
      assert.equal((await run(two, [], env)).stderr, "", "the second version still runs");
    });
  },
);

Deno.test({ name: "single file: a damaged or cut file is refused", ignore: WINDOWS }, async () => {
  await inPlace(async ({ folder, cache }) => {
    const file = await make(join(folder, "tool"), "1.0.0", 1 << 20);
    const bytes = await Deno.readFile(file);
    const flipped = bytes.slice();
    flipped[flipped.length - (1 << 19)]! ^= 1;
    for (const damaged of [bytes.slice(0, -700_000), bytes.slice(0, -20), flipped]) {
      await Deno.writeFile(file, damaged);
      const { code, stderr } = await run(file, [], { VCS_CACHE: cache });
      assert.equal(code, 1);
      assert.match(stderr, /damaged/);
      assert.deepEqual(await programs(cache), []);
    }
  });
});

Deno.test({
  name: "single file: where the cache cannot be written, the temporary folder serves, with a word",
  ignore: WINDOWS,
}, async () => {
  await inPlace(async ({ folder }) => {
    const file = await make(join(folder, "tool"), "1.0.0");
    const blocked = join(folder, "file");
    await Deno.writeTextFile(blocked, "");
    const temporary = join(folder, "temporary");
    await Deno.mkdir(temporary);
    const env = { VCS_CACHE: join(blocked, "cache"), TMPDIR: temporary };
    const first = await run(file, [], env);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /cannot be written to, so .*temporary.* is used; set VCS_CACHE/);
    assert.match(first.stdout, /temporary\/vcs-programs-\d+\/tool-1/);
    const nowhere = await run(file, [], {
      VCS_CACHE: join(blocked, "a"),
      TMPDIR: join(blocked, "b"),
    });
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /neither .* nor .* can be written to; set VCS_CACHE/);
  });
});
