import { cut, type FaultyServer, good, type Script, status } from "#testing/faulty_server.ts";
import {
  INDEX_FORMATS,
  integrityOf,
  type MadeWheel,
  makeWheel,
  noise,
  serveWheels,
} from "#testing/registry_parts.ts";
import assert from "node:assert/strict";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { findPart, installPart } from "./install.ts";
import { findWheel, pythonIndex } from "./python_index.ts";

const LIBRARY = noise(200_000);
const made = await makeWheel("cuda-thing", { "nvidia/lib/libthing.so.1": LIBRARY });
const PAGE = "/simple/cuda-thing/";
const FILE = `/files/${made.wheel}`;

/** Installs the part of a wheel from a server; gives the paths that were asked for, and the lines. */
async function install(
  server: FaultyServer,
  { part }: Pick<MadeWheel, "part"> = made,
  { cache = "", index = `${server.url}/simple/` } = {},
) {
  cache ||= await Deno.makeTempDir();
  const lines: string[] = [];
  const env = new Map(Object.entries({ VCS_CACHE: cache, PIP_INDEX_URL: index }));
  const onLine = (line: string) => void lines.push(line);
  const options = { env, platform: "linux-x64", onLine, waitSeconds: 0 };
  const result = await installPart(part, options).catch((error: unknown) => error);
  const { isHere } = await findPart(part, options);
  return { result, isHere, lines, cache, paths: server.requests.map(({ path }) => path) };
}

async function assertInstalled(folder: unknown): Promise<void> {
  assert.equal(typeof folder, "string", String(folder));
  const names = await Array.fromAsync(Deno.readDir(String(folder)), ({ name }) => name);
  assert.deepEqual(names, ["site-packages"]);
  const path = `${folder}/site-packages/nvidia/lib/libthing.so.1`;
  assert.deepEqual(await Deno.readFile(path), LIBRARY);
}

async function assertFails(
  server: FaultyServer,
  code: TransportErrorCode,
  message: RegExp,
  wheel: Pick<MadeWheel, "part"> = made,
): Promise<void> {
  const { result, isHere, cache } = await install(server, wheel);
  assert.ok(result instanceof TransportError, String(result));
  assert.deepEqual([result.code, isHere], [code, false], result.message);
  assert.match(result.message, message);
  await Deno.remove(cache, { recursive: true });
}

for (const type of Object.keys(INDEX_FORMATS)) {
  Deno.test(`a wheel is found in an index of ${type}, and only some of its files kept`, async () => {
    await using server = serveWheels([made], {}, type);
    const { result, lines, paths, cache } = await install(server);
    await assertInstalled(result);
    assert.deepEqual(paths, [PAGE, FILE]);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0]!,
      /^Fetching cuda-thing 1\.0\.0 \(0\.3 MB\) from \S+\/simple into \S+, once$/,
    );
    const [{ headers }] = server.requests as [FaultyServer["requests"][number]];
    assert.match(headers.get("accept") ?? "", /^application\/vnd\.pypi.*text\/html/);
    await Deno.remove(cache, { recursive: true });
  });
}

Deno.test("a wheel that was cut off goes on where it ended, also in another process's time", async () => {
  const scripts = [cut(made.bytes, 100_000), status(500), status(500)];
  await using server = serveWheels([made], { [FILE]: scripts });
  const first = await install(server);
  assert.ok(first.result instanceof TransportError);
  const { cache } = first;
  const { result } = await install(server, made, { cache });
  await assertInstalled(result);
  assert.equal(server.requests.at(-1)!.headers.get("range"), "bytes=100000-");
  await Deno.remove(cache, { recursive: true });
});

Deno.test("a wheel of other bytes is refused by its SHA-256 before it is opened", async () => {
  const lie = made.bytes.slice();
  lie[50_000]! ^= 1;
  await using server = serveWheels([made], { [FILE]: [good(lie)] });
  await assertFails(server, "checksum", /found SHA-256/);
});

Deno.test("a wheel of another size is refused before its bytes", async () => {
  await using server = serveWheels([made], { [FILE]: [good(made.bytes.subarray(1))] });
  await assertFails(server, "part-missing", /the server offers \d+ bytes/);
});

Deno.test("a file with another hash, and one that the wheel lacks, are refused", async () => {
  const [row] = made.part.packages;
  const files = (files: Record<string, string>) => ({
    part: { ...made.part, packages: [{ ...row!, files }] },
  });
  await using server = serveWheels([made]);
  const wrong = files({ "nvidia/lib/libthing.so.1": integrityOf(noise(9), "sha256") });
  await assertFails(server, "checksum", /^Cannot use nvidia\/lib\/libthing\.so\.1 of/, wrong);
  const missing = files({ "nvidia/lib/other.so": "sha256-x" });
  await assertFails(server, "part-missing", /found no nvidia\/lib\/other\.so/, missing);
});

Deno.test("an index without the wheel, the package, or an answer is an error that says so", async () => {
  const other: MadeWheel = { ...made, wheel: "cuda_thing-2.0.0-py3-none-any.whl" };
  const nonsense: Script = good(new TextEncoder().encode("<html>nothing</html>"));
  for (
    const [server, message] of [
      [serveWheels([other]), /\/simple\/cuda-thing\/: it has no cuda_thing-1\.0\.0-py3/],
      [serveWheels([]), /\/simple\/cuda-thing\/: the index answered 404/],
      [serveWheels([made], { [PAGE]: [nonsense] }), /it has no cuda_thing/],
      [serveWheels([made], { [PAGE]: [status(503), status(503)] }), /503/],
    ] as const
  ) {
    await using _ = server;
    await assertFails(server, "part-missing", message);
  }
});

Deno.test("an index that was busy once is asked again", async () => {
  await using server = serveWheels([made], { [PAGE]: [status(503)] });
  const { result, cache } = await install(server);
  await assertInstalled(result);
  await Deno.remove(cache, { recursive: true });
});

Deno.test("the password of an index is sent to its own host, and in no line", async () => {
  await using server = serveWheels([made]);
  const index = server.url.replace("//", "//user:p%40ss@") + "/simple";
  const { result, lines, cache } = await install(server, made, { index });
  await assertInstalled(result);
  assert.doesNotMatch(lines.join("\n"), /user|ss@/);
  const sent = server.requests.map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(new Set(sent), new Set([`Basic ${btoa("user:p@ss")}`]));
  await Deno.remove(cache, { recursive: true });
});

Deno.test("the password of an index is not sent to the host that has its files", async () => {
  await using files = serveWheels([made]);
  const page = JSON.stringify({ files: [{ url: `${files.url}${FILE}` }] });
  await using server = Deno.serve(
    { port: 0, onListen() {} },
    () => new Response(page, { headers: { "content-type": "application/json" } }),
  );
  const index = pythonIndex(
    new Map([["PIP_INDEX_URL", `http://user:pass@127.0.0.1:${server.addr.port}/simple`]]),
  );
  const found = await findWheel(index, "cuda-thing", made.wheel);
  assert.deepEqual(found, { url: `${files.url}${FILE}`, headers: {} });
});

Deno.test("the index is PyPI's unless PIP_INDEX_URL names another of http", () => {
  assert.deepEqual(pythonIndex(new Map()), { url: "https://pypi.org/simple", headers: {} });
  for (const url of ["pypi.org", "file:///etc"]) {
    assert.throws(() => pythonIndex(new Map([["PIP_INDEX_URL", url]])), (error) => {
      assert.ok(error instanceof TransportError && error.code === "part-missing");
      return !error.message.includes(url);
    });
  }
});
