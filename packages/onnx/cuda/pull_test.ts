import { type FaultyServer, status } from "#testing/faulty_server.ts";
import { type MadeWheel, makeWheel, noise, serveWheels } from "#testing/registry_parts.ts";
import assert from "node:assert/strict";
import { TransportError } from "@vcs/transport/errors";
import { currentPlatform } from "@vcs/transport/internal";
import { pullCuda } from "./pull.ts";

const platform = currentPlatform();
const SYSTEM_LIBRARIES = {
  linux: "libm.so.6",
  darwin: "libSystem.B.dylib",
  windows: "kernel32.dll",
};
const { [Deno.build.os as keyof typeof SYSTEM_LIBRARIES]: systemLibrary } = SYSTEM_LIBRARIES;
const BUILD = await makeWheel("made-runtime", { "capi/libmade.so": noise(30_000) }, platform);
const BLAS = await makeWheel("made-blas", {
  "lib/libmadelt.so.1": noise(20_000),
  "lib/libmade.so.1": noise(20_000),
}, platform);
/** One that the loader of every machine finds. */
const SYSTEM = await makeWheel(
  "made-system",
  { [`lib/${systemLibrary}`]: noise(100) },
  platform,
);

async function pull(server: FaultyServer, cache: string, on = platform) {
  const lines: string[] = [];
  const env = new Map(Object.entries({
    ...{ VCS_CACHE: cache, PIP_INDEX_URL: `${server.url}/simple` },
  }));
  const onLine = (line: string) => void lines.push(line);
  const options = { env, platform: on, onLine, waitSeconds: 0 };
  const result = await pullCuda(options, [BUILD.part, BLAS.part, SYSTEM.part])
    .catch((error: unknown) => error);
  return { result, lines };
}

async function withIndex(
  test: (server: FaultyServer, cache: string) => Promise<void>,
  faults?: Parameters<typeof serveWheels>[1],
): Promise<void> {
  const cache = await Deno.makeTempDir();
  await using server = serveWheels([BUILD, BLAS, SYSTEM], faults);
  await test(server, cache);
  await Deno.remove(cache, { recursive: true });
}

const fileOf = ({ wheel }: MadeWheel) => `/files/${wheel}`;

Deno.test({
  name: "pull cuda says the sizes, fetches what the loader does not find, and does so once",
  sanitizeResources: false,
  fn: () =>
    withIndex(async (server, cache) => {
      const { result, lines } = await pull(server, cache);
      assert.match(String(result), /site-packages.capi.libmade\.so$/);
      const files = server.requests.map(({ path }) => path).filter((path) => /files/.test(path));
      assert.deepEqual(files, [BUILD, BLAS].map(fileOf));
      assert.match(
        lines[0]!,
        /^CUDA needs 0\.2 MB: made-runtime 1\.0\.0 \(0\.1 MB\), made-blas 1\.0\.0 \(0\.1 MB\)$/,
      );
      const count = server.requests.length;
      const again = await pull(server, cache);
      assert.equal(again.result, result);
      assert.equal(server.requests.length, count);
      assert.ok(again.lines.every((line) => line.startsWith("No CUDA yet: ")), again.lines[0]);
    }),
});

Deno.test({
  name: "what was fetched before another wheel failed is not fetched again",
  sanitizeResources: false,
  fn: () =>
    withIndex(async (server, cache) => {
      const { result } = await pull(server, cache);
      assert.ok(result instanceof TransportError && result.code === "part-missing");
      const again = await pull(server, cache);
      assert.equal(typeof again.result, "string");
      const builds = server.requests.filter(({ path }) => path === fileOf(BUILD));
      assert.equal(builds.length, 1);
    }, { [fileOf(BLAS)]: [status(404)] }),
});

Deno.test("a platform without a build is refused with what else there is", () =>
  withIndex(async (server, cache) => {
    for (
      const [name, hint] of [["darwin-arm64", /Metal/], ["win32-arm64", /VCS_ONNXRUNTIME/]] as const
    ) {
      const { result } = await pull(server, cache, name);
      assert.ok(result instanceof TransportError && result.code === "unsupported");
      assert.match(result.message, new RegExp(`found ${name}, it is built for`));
      assert.match(result.message, hint);
    }
    assert.equal(server.requests.length, 0);
  }));
