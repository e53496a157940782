/**
 * What goes into the programs: the one list from which self-extracting files and compiled
 * programs are made. FFmpeg in the process (node-av) is under the GPL and goes into none: programs
 * use the `ffmpeg` of the system, or fetch node-av at its first use.
 *
 * @module
 */
import { CODEC_MODELS, TINY_MODEL } from "@vcs/encodec-stream";
import { MQTT_CLIENT, TOML_READER } from "@vcs/clip-drift/internal";
import { SHARP } from "@vcs/media/internal";
import { ONNX_RUNTIME } from "@vcs/onnx/internal";
import type { Model } from "@vcs/onnx/store";
import {
  BATCH_PARTS,
  CHANNEL_CLIENTS,
  installPart,
  KAFKA_CLIENT,
  type Part,
} from "@vcs/transport/internal";
import { TINY_WEIGHTS } from "@vcs/video-vq/internal";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A program for people who have no Deno. */
export interface Program {
  /** Its name, which is its package's. */
  readonly name: string;
  /** Packages with native code, or clients, that lie beside it. */
  readonly parts: readonly Part[];
  /** Models whose weights lie beside it. */
  readonly models: readonly Model[];
  /** Modules that it starts by their URL, beside the main one, from the package's folder. */
  readonly workers?: readonly string[];
  /** Most that may be embedded beside the runtime, in bytes. */
  readonly limit: number;
}

/** Clients of channels but Kafka's, which is as large as the others together: it is fetched when used. */
const CLIENTS = CHANNEL_CLIENTS.filter((part) => part !== KAFKA_CLIENT);

/** All programs. */
export const PROGRAMS: readonly Program[] = [
  {
    name: "encodec-stream",
    parts: [...new Set([ONNX_RUNTIME, ...CLIENTS, ...BATCH_PARTS])],
    models: CODEC_MODELS.models.filter(({ name }) => name === TINY_MODEL),
    limit: 60 * 2 ** 20,
  },
  {
    name: "video-vq",
    parts: [...new Set([ONNX_RUNTIME, ...CLIENTS, ...BATCH_PARTS])],
    models: TINY_WEIGHTS.models,
    limit: 60 * 2 ** 20,
  },
  {
    name: "patch-stream",
    parts: [ONNX_RUNTIME, SHARP, ...BATCH_PARTS],
    models: [],
    workers: ["process/worker.ts"],
    limit: 70 * 2 ** 20,
  },
  {
    name: "clip-drift",
    parts: [ONNX_RUNTIME, SHARP, MQTT_CLIENT, TOML_READER, ...BATCH_PARTS],
    models: [],
    limit: 70 * 2 ** 20,
  },
];

/** The root of the repository. */
export const ROOT: string = join(import.meta.dirname!, "../..");

/** The programs of these names. Default: all. */
export function programsNamed(names: readonly string[]): readonly Program[] {
  const unknown = names.find((name) => !PROGRAMS.some((program) => program.name === name));
  if (unknown !== undefined) {
    const known = PROGRAMS.map(({ name }) => name).join(", ");
    throw new TypeError(`Cannot build a program: found "${unknown}", expected one of ${known}`);
  }
  return PROGRAMS.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** The version of a program. */
export async function versionOf({ name }: Program): Promise<string> {
  const config = await Deno.readTextFile(join(ROOT, "packages", name, "deno.json"));
  return JSON.parse(config).version;
}

/** A file that a program brings along. */
export interface BroughtFile {
  /** Its path in the folder of parts, with `/`. */
  readonly path: string;
  /** Where it lies on this machine. */
  readonly source: string;
}

async function* filesBelow(folder: string): AsyncGenerator<string, void, void> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) yield* filesBelow(join(folder, name));
    else yield join(folder, name);
  }
}

/** What is not needed to run: types, maps, prose other than licences, bundles for browsers. */
const NEEDLESS =
  /\.(d\.[cm]?ts|map|tsx?|md|flow|h|hpp|cc|gyp)$|\/(test|tests|docs|examples|mqtt\/dist)\//i;

/** Files of a part, fetched if it is not on this machine, in the layout of our cache. */
export async function filesOfPart(part: Part, platform?: string): Promise<BroughtFile[]> {
  const folder = await installPart(part, platform === undefined ? {} : { platform });
  const files = await Array.fromAsync(filesBelow(folder));
  return files
    .map((source) => ({ source, inside: source.slice(dirname(folder).length) }))
    .filter(({ inside }) => !NEEDLESS.test(inside) || /licen[cs]e/i.test(basename(inside)))
    .map(({ source, inside }) => ({
      source,
      path: `${basename(dirname(folder))}${inside.replaceAll("\\", "/")}`,
    }));
}

/** The file of bundled weights, in the layout of our cache. */
export function fileOfModel({ name, files: [file] }: Model): BroughtFile {
  if (!file || !("url" in file)) throw new TypeError(`${name} is not bundled`);
  return { path: `models/${file.file}`, source: fileURLToPath(file.url) };
}

/** All that lies beside a program: its parts for a platform, then its weights. */
export async function filesBeside(program: Program, platform?: string): Promise<BroughtFile[]> {
  const parts = await Promise.all(program.parts.map((part) => filesOfPart(part, platform)));
  return [...parts.flat(), ...program.models.map(fileOfModel)];
}

/** Lays out what lies beside a program in a folder, as `VCS_PARTS` names it. */
export async function layOut(program: Program, folder: string, platform?: string): Promise<void> {
  for (const { path, source } of await filesBeside(program, platform)) {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.copyFile(source, join(folder, path));
  }
}
