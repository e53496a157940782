/**
 * Packages of npm that only single tests need. They are fetched into Deno's cache without our lock:
 * what is in the lock would be fetched by every `deno task`, on machines that never run the tests,
 * too.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findProgram } from "./shared.ts";

/**
 * URL of a file that a package exports, as `onnxruntime-node@1.21.0/package.json`; the package's
 * scripts do not run.
 *
 * @throws {Error} where it can neither be found in the cache nor fetched
 */
export async function npmFile(name: string): Promise<URL> {
  const options = name.endsWith(".json") ? `{ with: { type: "json" } }` : "{}";
  const script = `await import("npm:${name}", ${options});
    console.log(import.meta.resolve("npm:${name}"));`;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--no-config", script],
    cwd: await Deno.makeTempDir(),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new URL(new TextDecoder().decode(stdout).trim());
}

/** Path of a program in a package, undefined where it cannot be had. */
async function programOf(name: string, path: string): Promise<string | undefined> {
  const folder = await npmFile(`${name}/package.json`).catch(() => undefined);
  const file = folder && fileURLToPath(new URL(path, folder));
  return file !== undefined && existsSync(file) ? file : undefined;
}

const IS_WINDOWS = Deno.build.os === "windows";
const [OS, ARCH] = [
  IS_WINDOWS ? "win" : Deno.build.os,
  { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch],
];

/** Path of a version of Node, or undefined. */
export async function findNode(version: string): Promise<string | undefined> {
  return await programOf(`node-${OS}-${ARCH}@${version}`, IS_WINDOWS ? "bin/node.exe" : "bin/node");
}

/** Path of Bun, that of PATH or a version of npm, or undefined. */
export async function findBun(version: string): Promise<string | undefined> {
  const os = IS_WINDOWS ? "windows" : OS;
  const arch = ARCH === "arm64" ? "aarch64" : ARCH;
  return findProgram("bun") ??
    await programOf(`@oven/bun-${os}-${arch}@${version}`, IS_WINDOWS ? "bin/bun.exe" : "bin/bun");
}
