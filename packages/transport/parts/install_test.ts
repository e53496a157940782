import { cut, type FaultyServer, good, head, type Script, status } from "#testing/faulty_server.ts";
import {
  greeterPart,
  integrityOf,
  type MadePart,
  makePart,
  noise,
  serveParts,
} from "#testing/registry_parts.ts";
import { needs } from "#testing/shared.ts";
import { gzip, tarBytes } from "#testing/tarball.ts";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { ManualClock } from "../flow/clock.ts";
import { findPart, type InstallOptions, installPart } from "./install.ts";

const GREETER = "/greeter/-/greeter-1.0.0.tgz";
const WORDS = "/@made/words/-/words-1.0.0.tgz";
const NATIVE = "/@made/native-linux-x64/-/native-linux-x64-1.0.0.tgz";

const made = await greeterPart();

/** A cache in a new folder, a registry, and options that name both. */
class Site implements AsyncDisposable {
  readonly cache: string = Deno.makeTempDirSync();
  readonly lines: string[] = [];
  readonly env: Map<string, string>;
  readonly options: InstallOptions;

  constructor(readonly server: FaultyServer, env: Record<string, string> = {}) {
    this.env = new Map(Object.entries({
      ...{ VCS_CACHE: this.cache, NPM_CONFIG_REGISTRY: `${server.url}/` },
      ...env,
    }));
    const onLine = (line: string) => void this.lines.push(line);
    this.options = { env: this.env, platform: "linux-x64", onLine, waitSeconds: 0 };
  }

  get paths(): string[] {
    return this.server.requests.map(({ path }) => path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.cache, { recursive: true });
  }
}

function site(faults: Record<string, Script[]> = {}, env: Record<string, string> = {}): Site {
  return new Site(serveParts(made, faults), env);
}

function greet(folder: string): string {
  return createRequire(join(folder, "part.cjs"))("greeter").greet();
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

async function assertFails(
  install: Promise<unknown>,
  code: TransportErrorCode,
  ...messages: RegExp[]
): Promise<void> {
  await assert.rejects(install, (error) => {
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.code, code, error.message);
    for (const message of messages) assert.match(error.message, message);
    return true;
  });
}

/** Nothing is used after a failure, and a good registry then mends it. */
async function assertMends(here: Site): Promise<void> {
  assert.equal((await findPart(made.part, here.options)).isHere, false);
  assert.equal(greet(await installPart(made.part, here.options)), "hello from linux");
}

Deno.test("a part is fetched once, for this platform alone, and announced in one line", async () => {
  await using here = site();
  const before = await findPart(made.part, here.options);
  const folder = await installPart(made.part, here.options);
  assert.equal(greet(folder), "hello from linux");
  assert.deepEqual([before.isHere, before.folder], [false, folder]);
  assert.deepEqual(here.paths, [GREETER, WORDS, NATIVE]);
  assert.equal(before.bytes, before.packages.reduce((sum, { bytes }) => sum + bytes, 0));
  assert.equal(here.lines.length, 1);
  assert.match(
    here.lines[0]!,
    /^Fetching greeter 1\.0\.0 \(0\.1 MB\) from http:\S+ into \S+parts, once$/,
  );
  assert.equal(await installPart(made.part, here.options), folder);
  assert.equal((await findPart(made.part, here.options)).bytes, 0);
  assert.deepEqual([here.paths.length, here.lines.length], [3, 1]);
  const { mode } = await Deno.stat(`${folder}/node_modules/greeter/bin/run.sh`);
  if (Deno.build.os !== "windows") assert.equal(mode! & 0o777, 0o755);
  const names = await namesIn(`${here.cache}/parts`);
  assert.deepEqual(names.sort(), [folder, `${folder}.lock`].map((path) => path.split("/").at(-1)));
  assert.deepEqual(await namesIn(folder), ["node_modules"]);
});

Deno.test("another hash in the table is another folder", async () => {
  await using here = site();
  const { part } = made;
  const other = { ...part, packages: part.packages.map((p) => ({ ...p, integrity: "sha512-x" })) };
  const [one, two] = [await findPart(part, here.options), await findPart(other, here.options)];
  assert.notEqual(one.folder, two.folder);
});

Deno.test("a folder that the program brings is looked into first, and never written", async () => {
  await using source = site();
  await installPart(made.part, source.options);
  await using here = site({}, { VCS_PARTS: source.cache });
  const folder = await installPart(made.part, here.options);
  assert.ok(folder.startsWith(source.cache));
  assert.deepEqual(here.paths, []);
  await using missing = site({}, { VCS_PARTS: `${source.cache}/nothing` });
  assert.ok((await installPart(made.part, missing.options)).startsWith(missing.cache));
});

Deno.test("a platform without a build is refused by name", async () => {
  await using here = site();
  const install = installPart(made.part, { ...here.options, platform: "freebsd-x64" });
  await assertFails(
    install,
    "unsupported",
    /found freebsd-x64, it is built for linux-x64, win32-x64/,
  );
  assert.deepEqual(here.paths, []);
});

Deno.test("a part without native code is for every platform", async () => {
  await using here = new Site(
    serveParts(await makePart("plain", [{ name: "plain", entries: [] }])),
  );
  const plain = await makePart("plain", [{ name: "plain", entries: [] }]);
  await installPart(plain.part, { ...here.options, platform: "freebsd-x64" });
});

Deno.test("a download that was cut off goes on where it ended", async () => {
  const tarball = made.tarballs.get(GREETER)!;
  await using here = site({ [GREETER]: [cut(tarball, 20_000)] });
  assert.equal(greet(await installPart(made.part, here.options)), "hello from linux");
  assert.equal(here.server.requests[1]!.headers.get("range"), "bytes=20000-");
});

Deno.test("a registry that fails twice in a row is given up", async () => {
  await using here = site({ [WORDS]: [status(503), status(503)] });
  const failure = installPart(made.part, here.options);
  await assertFails(failure, "part-missing", /^Cannot fetch greeter 1\.0\.0 \(0\.1 MB\): .*503/);
  await assertMends(here);
});

Deno.test("other bytes than the table's are refused", async () => {
  const lie = await gzip(tarBytes([{ path: "package/index.js", content: "evil" }]));
  const same = made.tarballs.get(WORDS)!.slice();
  same[40]! ^= 1;
  await using here = site({ [WORDS]: [good(same)] });
  await assertFails(installPart(made.part, here.options), "checksum", /found SHA-512/);
  await assertMends(here);
  await using there = site({ [WORDS]: [good(lie)] });
  await assertFails(installPart(made.part, there.options), "part-missing", /the server offers/);
  await assertMends(there);
});

Deno.test("a tarball that leads out is refused, even with the right hash", async () => {
  const evil = await makePart("evil", [{
    name: "evil",
    entries: [{ path: "package/a", content: "a" }, { path: "package/../../../evil", content: "x" }],
  }]);
  await using here = new Site(serveParts(evil));
  await assertFails(installPart(evil.part, here.options), "part-missing", /leads out of it/);
  assert.equal((await findPart(evil.part, here.options)).isHere, false);
  assert.deepEqual(await namesIn(here.cache), ["parts"]);
});

Deno.test("a registry that does not have it is an error at once", async () => {
  await using here = site({ [GREETER]: [status(404)] });
  await assertFails(
    installPart(made.part, here.options),
    "part-missing",
    /the server answered 404/,
  );
  assert.equal(here.paths.length, 1);
});

Deno.test("a silent registry is given up after two attempts", async () => {
  const clock = new ManualClock();
  const silent: Script = async (_, write) => {
    await write(head(200, { "content-length": made.tarballs.get(GREETER)!.length }));
    await clock.advance(50);
  };
  await using here = site({ [GREETER]: [silent, silent] });
  const options = { ...here.options, clock, idleTimeoutSeconds: 0.05 };
  await assertFails(installPart(made.part, options), "part-missing", /nothing came for/);
  assert.equal(here.paths.length, 2);
});

Deno.test("without a network it is said at once what is tried", async () => {
  const gone = serveParts(made);
  const { url } = gone;
  await gone[Symbol.asyncDispose]();
  await using here = site({}, { NPM_CONFIG_REGISTRY: url });
  await assertFails(installPart(made.part, here.options), "part-missing", /Cannot download http:/);
  assert.match(here.lines.join("\n"), /^Fetching greeter [^\n]*\n[^\n]*attempt 2 of 2 follows$/);
});

Deno.test("VCS_OFFLINE forbids fetching, not using what is here", async () => {
  await using here = site({}, { VCS_OFFLINE: "1" });
  const failure = installPart(made.part, here.options);
  await assertFails(failure, "part-missing", /not on this machine, and fetching is forbidden/);
  assert.deepEqual([here.paths, here.lines], [[], []]);
  here.env.delete("VCS_OFFLINE");
  await installPart(made.part, here.options);
  here.env.set("VCS_OFFLINE", "1");
  assert.equal(greet(await installPart(made.part, here.options)), "hello from linux");
});

Deno.test("a cache that cannot be written is named, with the variable that moves it", async () => {
  await using here = site();
  const file = `${here.cache}/file`;
  await Deno.writeTextFile(file, "");
  here.env.set("VCS_CACHE", file);
  const install = installPart(made.part, here.options);
  await assertFails(
    install,
    "part-missing",
    /^Cannot keep greeter 1\.0\.0 in \S+file/,
    /set VCS_CACHE/,
  );
});

Deno.test("an abort is an abort, and what has arrived stays for the next time", async () => {
  const tarball = made.tarballs.get(GREETER)!;
  const abort = new AbortController();
  const script: Script = async (request, write) => {
    await write(head(200, { "content-length": tarball.length, etag: '"v1"' }));
    await write(tarball.subarray(0, 30_000));
    abort.abort();
    await request.left;
  };
  await using here = site({ [GREETER]: [script] });
  const install = installPart(made.part, { ...here.options, signal: abort.signal });
  await assert.rejects(install, { name: "AbortError" });
  await assertMends(here);
});

/** A part of which only some files are taken, out of the beginning of a tarball. */
async function libraryPart(hash?: string): Promise<MadePart & { library: Uint8Array }> {
  const library = noise(100_000);
  const rest = noise(1_000_000);
  const whole = await makePart("library", [{
    name: "library",
    entries: [
      { path: "package/other.so", content: noise(50_000) },
      { path: "package/lib.so", content: library },
      { path: "package/rest.so", content: rest },
    ],
  }]);
  const [row] = whole.part.packages;
  const [tarball] = whole.tarballs.values();
  const bytes = 200_000;
  const integrity = integrityOf(tarball!.subarray(0, bytes));
  const files = { "lib.so": hash ?? integrityOf(library, "sha256") };
  const packages = [{ ...row!, bytes, integrity, files }];
  return { library, tarballs: whole.tarballs, part: { ...whole.part, packages } };
}

for (const ranges of ["a range", "the whole file"]) {
  Deno.test(`files are taken out of the beginning of a tarball, from ${ranges}`, async () => {
    const made = await libraryPart();
    const [path, tarball] = [...made.tarballs][0]!;
    // It never comes to its end: nobody waits for that.
    const whole: Script = async (request, write) => {
      await write(head(200, { "content-length": tarball.length, etag: '"v1"' }));
      await write(tarball.subarray(0, 250_000));
      await request.left;
    };
    await using here = new Site(serveParts(made, ranges === "a range" ? {} : { [path]: [whole] }));
    const folder = await installPart(made.part, here.options);
    assert.equal(here.server.requests[0]!.headers.get("range"), "bytes=0-199999");
    const taken = `${folder}/node_modules/library`;
    assert.deepEqual(await namesIn(taken), ["lib.so"]);
    assert.deepEqual(await Deno.readFile(`${taken}/lib.so`), made.library);
  });
}

Deno.test("a beginning that was cut off goes on, and ends where it should", async () => {
  const made = await libraryPart();
  const [path, tarball] = [...made.tarballs][0]!;
  await using here = new Site(serveParts(made, { [path]: [cut(tarball, 80_000)] }));
  await installPart(made.part, here.options);
  const asked = here.server.requests.map(({ headers }) => headers.get("range"));
  assert.deepEqual(asked, ["bytes=0-199999", "bytes=80000-199999"]);
});

Deno.test("a file with another hash than the table's is refused", async () => {
  const made = await libraryPart("sha256-x");
  await using here = new Site(serveParts(made));
  await assertFails(installPart(made.part, here.options), "checksum", /Cannot use lib\.so/);
  assert.equal((await findPart(made.part, here.options)).isHere, false);
});

Deno.test("a file that the beginning does not hold is an error", async () => {
  const made = await libraryPart();
  const [row] = made.part.packages;
  const packages = [{ ...row!, files: { "missing.so": "sha256-x" } }];
  await using here = new Site(serveParts(made));
  const install = installPart({ ...made.part, packages }, here.options);
  await assertFails(install, "part-missing");
});

/** Installs in a process of its own. */
function installer({ cache, server }: Site): Deno.ChildProcess {
  const script = join(import.meta.dirname!, "testdata", "install.ts");
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, JSON.stringify(made.part)],
    env: { VCS_CACHE: cache, NPM_CONFIG_REGISTRY: server.url, VCS_PARTS: "", NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Sends half of a tarball, then nothing until the client goes. */
function halfOf(path: string, reached: () => void): Script {
  const tarball = made.tarballs.get(path)!;
  return async (request, write) => {
    await write(head(200, { "content-length": tarball.length, etag: '"v1"' }));
    await write(tarball.subarray(0, tarball.length / 2));
    reached();
    await request.left;
  };
}

for (const path of [GREETER, WORDS, NATIVE]) {
  Deno.test(`an installer that was killed at ${path} leaves nothing that is used`, async () => {
    const reached = Promise.withResolvers<void>();
    await using here = site({ [path]: [halfOf(path, reached.resolve)] });
    const child = installer(here);
    await reached.promise;
    child.kill("SIGKILL");
    await child.output();
    await assertMends(here);
  });
}

Deno.test("of two processes one fetches, the other says that it waits", async () => {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const slow: Script = async (request, write) => {
    reached.resolve();
    await go.promise;
    await good(made.tarballs.get(GREETER)!)(request, write);
  };
  await using here = site({ [GREETER]: [slow] });
  const first = installer(here);
  await reached.promise;
  const second = installer(here);
  const reader = second.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  assert.match(
    value!,
    /^Waiting for greeter 1\.0\.0 \(\S+ MB\), which is being fetched already\n$/,
  );
  go.resolve();
  const [one, rest] = await Promise.all([first.output(), reader.read(), second.status]);
  assert.deepEqual([one.code, rest.value], [0, undefined]);
  const [a, b] = [new TextDecoder().decode(one.stdout), await new Response(second.stdout).text()];
  assert.equal(a, b);
  assert.deepEqual(here.paths, [GREETER, WORDS, NATIVE]);
});

Deno.test({
  name: "a full disk is an error of the cache, not of the network",
  ...needs(Deno.build.os === "linux"),
  fn: async () => {
    await using here = site();
    const script = join(import.meta.dirname!, "testdata", "install.ts");
    // Writing beyond 40 blocks of 512 bytes fails as on a full disk.
    const line = `trap "" XFSZ; ulimit -f 40; exec "$0" run -A --no-check "$1" "$2"`;
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", line, Deno.execPath(), script, JSON.stringify(made.part)],
      env: { VCS_CACHE: here.cache, NPM_CONFIG_REGISTRY: here.server.url, VCS_PARTS: "" },
    }).output();
    assert.equal(code, 1);
    assert.match(
      new TextDecoder().decode(stderr),
      /Cannot keep greeter .* in \S+parts: .*; set VCS_CACHE/,
    );
    assert.deepEqual(here.paths, [GREETER]);
    await assertMends(here);
  },
});
