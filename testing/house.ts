/**
 * What the layout of the workspace promises, measured on its files: which files are public, how
 * many lie in a folder, which package may import which, and what `mod.ts` exports.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

/** Folder of the repository. */
export const ROOT = join(import.meta.dirname!, "..");

/** The packages, and what each may import of the others. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "transport": [],
  "onnx": ["transport"],
  "media": ["transport"],
  "encodec-stream": ["transport", "onnx", "media"],
  "video-vq": ["transport", "onnx", "media"],
  "patch-stream": ["transport", "onnx", "media"],
  "clip-drift": ["transport", "onnx", "media"],
  "together": [
    ...["transport", "onnx", "media"],
    ...["encodec-stream", "video-vq", "patch-stream", "clip-drift"],
  ],
};

/** Names of the packages. */
export const PACKAGES: readonly string[] = Object.keys(MAY_IMPORT);

/** Folders that hold no code of ours. */
const SKIPPED = new Set([".git", "node_modules", "demo", "docs", "shared"]);

/** Paths of all files below a folder, relative to the repository. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !(folder === "" && SKIPPED.has(entry.name))) {
      found.push(...await filesBelow(path));
    } else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

/** Text of a file of the repository. */
export async function readText(path: string): Promise<string> {
  return await readFile(join(ROOT, path), "utf8");
}

/** Whether a file is code that is published: no test, nothing that only tests use. */
export function isPublished(path: string): boolean {
  return path.endsWith(".ts") && !path.endsWith("_test.ts") &&
    !/\/(testdata|testing)\//.test(path);
}

/** Published files of a package by the folder in which they lie, relative to the package. */
export async function filesByFolder(name: string): Promise<Map<string, string[]>> {
  const folders = new Map<string, string[]>();
  for (const path of (await filesBelow(`packages/${name}`)).filter(isPublished)) {
    const folder = relative(`packages/${name}`, dirname(path)) || ".";
    folders.set(folder, [...folders.get(folder) ?? [], basename(path)]);
  }
  return folders;
}

/** The `exports` of a package's `deno.json`. */
export async function exportsOf(name: string): Promise<Record<string, string>> {
  const { exports } = JSON.parse(await readText(`packages/${name}/deno.json`)) as {
    exports: Record<string, string>;
  };
  return exports;
}

/** Paths of all files that packages export. */
export async function entryPoints(): Promise<string[]> {
  const files = PACKAGES.map(async (name) => {
    return Object.values(await exportsOf(name)).map((file) => join(ROOT, "packages", name, file));
  });
  return (await Promise.all(files)).flat().sort();
}

/** Specifiers that a file imports or re-exports from, comments skipped. */
export function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const pattern = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)"([^"]+)"/g;
  return [...code.matchAll(pattern)].map((match) => match[1]!);
}

/** Whether a path of the repository exists. */
export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}
