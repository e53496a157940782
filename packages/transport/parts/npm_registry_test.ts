import assert from "node:assert/strict";
import { join } from "node:path";
import { npmRegistry } from "./npm_registry.ts";

async function withSettings(
  lines: readonly string[],
  check: (home: string) => void,
): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(home, ".npmrc"), lines.join("\r\n"));
    check(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const variables = (home: string, more: Record<string, string> = {}) =>
  new Map(Object.entries({ HOME: home, USERPROFILE: home, ...more }));

Deno.test("npmRegistry() is npm's own without settings", () => {
  const { url, headers } = npmRegistry(variables("/nowhere"));
  assert.match(url, /^https:\/\/[\w.]+[^/]$/);
  assert.equal(headers, undefined);
});

Deno.test("npmRegistry() follows the user's .npmrc, with its token", async () => {
  await withSettings([
    "; a company's mirror",
    "registry = https://npm.example.com/all/",
    "//npm.example.com/all/:_authToken=${MIRROR_TOKEN}",
    "//other.example.com/:_authToken=other",
  ], (home) => {
    assert.deepEqual(npmRegistry(variables(home, { MIRROR_TOKEN: "abc" })), {
      url: "https://npm.example.com/all",
      headers: { authorization: "Bearer abc" },
    });
  });
});

Deno.test("npmRegistry() takes the variable before the file, and no other registry's token", async () => {
  await withSettings([
    "registry=https://npm.example.com",
    "//npm.example.com/:_authToken=abc",
  ], (home) => {
    const env = variables(home, { NPM_CONFIG_REGISTRY: "http://127.0.0.1:4873/" });
    assert.deepEqual(npmRegistry(env), { url: "http://127.0.0.1:4873" });
  });
});

Deno.test("npmRegistry() reads the file that npm is told to read", async () => {
  await withSettings(["registry=https://npm.example.com"], (home) => {
    const env = variables("/nowhere", { NPM_CONFIG_USERCONFIG: join(home, ".npmrc") });
    assert.equal(npmRegistry(env).url, "https://npm.example.com");
  });
});
