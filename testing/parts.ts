/**
 * The tables of parts, made from `deno.lock`: run this file after a version was changed, or with the
 * paths of some tables that have changed. What the
 * lock does not say is asked of the registry: the bytes of tarballs, and where in its tarball, and
 * with which hash, the library of ONNX Runtime lies for each platform. Wheels are read whole, for the
 * hashes of their files: 4 GB.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { defined, openByteSource, ZipReader } from "@vcs/transport/internal";
import { npmRegistry } from "../packages/transport/parts/npm_registry.ts";
import type { Part, PartPackage } from "../packages/transport/parts/part.ts";
import { pythonIndex } from "../packages/transport/parts/python_index.ts";
import { tarFiles } from "../packages/transport/parts/tar.ts";
import { readText, ROOT } from "./house.ts";

/** Platforms that Deno and our parts run on. */
const PLATFORMS = [
  "linux-x64",
  "linux-arm64",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64",
  "win32-arm64",
];

/** A part to be made. */
interface PartPlan {
  readonly constant: string;
  readonly part: Omit<Part, "packages">;
  readonly roots: readonly string[];
  /**
   * The lock that names its packages. Default: `deno.lock`. A package whose types would take the place
   * of Deno's own in the whole workspace has one of its own, which `deno cache --lock` writes.
   */
  readonly lock?: string;
  /** Packages that the registry lists and that what we use never loads. */
  readonly without?: RegExp;
}

/** The files of tables, and the parts in each. */
export const TABLES: Readonly<Record<string, readonly PartPlan[]>> = {
  "packages/transport/parts/clients.ts": [
    {
      constant: "REDIS_CLIENT",
      part: { name: "ioredis", about: "redis: channels" },
      roots: ["ioredis"],
    },
    {
      constant: "AMQP_CLIENT",
      part: { name: "amqplib", about: "amqp: channels" },
      roots: ["amqplib"],
    },
    {
      constant: "NATS_CLIENT",
      part: { name: "nats", about: "nats: channels" },
      roots: ["@nats-io/transport-node", "@nats-io/jetstream"],
    },
    {
      constant: "S3_SIGNER",
      part: { name: "aws4fetch", about: "s3: channels" },
      roots: ["aws4fetch"],
    },
    {
      constant: "KAFKA_CLIENT",
      part: { name: "kafka", about: "kafka: channels" },
      roots: ["@platformatic/kafka"],
      lock: "testing/kafka.lock",
      // What it does without: native code, and schemas that we do not use.
      without: /^(@node-rs\/|protobufjs|long)/,
    },
  ],
  "packages/transport/parts/batch_parts.ts": [{
    constant: "PARQUET_WRITER",
    part: { name: "hyparquet-writer", about: "batches into parquet files" },
    roots: ["hyparquet-writer"],
  }, {
    constant: "JOB_QUEUE",
    part: { name: "bullmq", about: "batches by a queue" },
    roots: ["bullmq"],
    // The clients that it may have beside ioredis bring Node's types.
    lock: "testing/bullmq.lock",
    // It does without native code.
    without: /msgpackr-extract/,
  }],
  "packages/clip-drift/alerts/mqtt_part.ts": [{
    constant: "MQTT_CLIENT",
    part: { name: "mqtt", about: "alerts over MQTT" },
    roots: ["mqtt"],
    lock: "testing/mqtt.lock",
    // Its command line, and types.
    without: /^(commist|concat-stream|help-me|minimist|@types\/[\w-]+)(@|$)/,
  }],
  "packages/clip-drift/fleet/toml_part.ts": [{
    constant: "TOML_READER",
    part: { name: "smol-toml", about: "files of cameras" },
    roots: ["smol-toml"],
  }],
  "packages/media/formats/sharp_part.ts": [{
    constant: "SHARP",
    part: { name: "sharp", about: "still images" },
    roots: ["sharp"],
    // Deno has no build for musl.
    without: /linuxmusl|wasm32/,
  }],
  "packages/media/ffmpeg/node_av_part.ts": [{
    constant: "NODE_AV",
    part: { name: "node-av", about: "video and encoded audio (FFmpeg in process, under GPLv3)" },
    roots: ["node-av"],
    // Its own installation, WebRTC, and builds for Windows programs made by MinGW.
    without: /^(unzipper|werift)@|mingw/,
  }],
};

interface LockEntry {
  readonly integrity: string;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

/** The npm packages of `deno.lock` by name and version. */
export type Lock = Readonly<Record<string, LockEntry>>;

/** Reads the packages of the lock that a part has. */
export async function readLock({ lock = "deno.lock" }: Pick<PartPlan, "lock"> = {}): Promise<Lock> {
  return JSON.parse(await readText(lock)).npm;
}

/** The lock's key of a dependency, which has a version only where several are there. */
function keyOf(lock: Lock, dependency: string): string {
  if (lock[dependency]) return dependency;
  const keys = Object.keys(lock).filter((key) => key.startsWith(`${dependency}@`));
  if (keys.length !== 1) {
    throw new Error(`Cannot resolve ${dependency}: found ${keys.length} versions`);
  }
  return keys[0]!;
}

/** Keys of all packages that some packages need, themselves first. */
function closure(lock: Lock, roots: readonly string[], without: RegExp): string[] {
  const keys = roots.map((root) => keyOf(lock, root));
  for (const key of keys) {
    const { dependencies = [], optionalDependencies = [] } = lock[key]!;
    const needed = [...dependencies, ...optionalDependencies].map((name) => keyOf(lock, name));
    keys.push(...needed.filter((name) => !keys.includes(name) && !without.test(name)));
  }
  return keys;
}

/** The platforms of ours that a package is for; empty where it is for none, undefined for all. */
function platformsOf({ os, cpu }: LockEntry): string[] | undefined {
  if (os === undefined && cpu === undefined) return undefined;
  const [systems, processors] = [os ?? ["linux", "darwin", "win32"], cpu ?? ["x64", "arm64"]];
  const all = systems.flatMap((system) => processors.map((cpu) => `${system}-${cpu}`));
  return PLATFORMS.filter((platform) => all.includes(platform));
}

/** What the lock says of a part's packages. */
export function lockedPackages(lock: Lock, plan: PartPlan): Omit<PartPackage, "bytes">[] {
  const keys = closure(lock, plan.roots, plan.without ?? /^$/);
  const packages = keys.flatMap((key): Omit<PartPackage, "bytes">[] => {
    // Behind `_` stands the version of another package that it was resolved with.
    const [, name = "", version = ""] = /^(.+?)@([^@_]+)(_.*)?$/.exec(key) ?? [];
    const { integrity } = lock[key]!;
    const platforms = platformsOf(lock[key]!);
    if (platforms === undefined) return [{ name, version, integrity }];
    return platforms.map((platform) => ({ name, version, platform, integrity }));
  });
  const names = packages.map(({ name, platform }) => `${name} ${platform}`);
  // All lie side by side in one folder.
  if (new Set(names).size < names.length) throw new Error(`Two versions of a package: ${names}`);
  return packages;
}

/** Bytes of a package's tarball. */
async function tarballBytes({ name, version }: Omit<PartPackage, "bytes">): Promise<number> {
  const response = await fetch(tarballUrl(name, version), { method: "HEAD" });
  const bytes = Number(response.headers.get("content-length"));
  if (!response.ok || !(bytes > 0)) throw new Error(`No length of ${name}: ${response.status}`);
  return bytes;
}

function tarballUrl(name: string, version: string): string {
  return `${npmRegistry().url}/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
}

/** Versions of ONNX Runtime that are fetched: the one that is used, and the oldest, for tests. */
export const ONNX_RUNTIMES = { latest: "1.30.0", oldest: "1.21.0" };

/** Files of the library in its package; the first is the one that is opened. */
const LIBRARIES: Readonly<Record<string, RegExp>> = {
  "linux-x64": /linux\/x64\/libonnxruntime\.so\.1(\.\d+\.\d+)?$/,
  "linux-arm64": /linux\/arm64\/libonnxruntime\.so\.1(\.\d+\.\d+)?$/,
  "darwin-x64": /darwin\/x64\/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/,
  "darwin-arm64": /darwin\/arm64\/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/,
  "win32-x64": /win32\/x64\/\w+\.dll$/,
  "win32-arm64": /win32\/arm64\/\w+\.dll$/,
};

/** Steps in which the beginning of a tarball is searched. */
const STEP = 1 << 16;

/** A gzip stream of the first bytes, whose end is missing. */
function plainStream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / STEP) }, (_, i) => {
    return bytes.subarray(i * STEP, (i + 1) * STEP);
  });
  return ReadableStream.from(chunks).pipeThrough(new DecompressionStream("gzip"));
}

interface FoundFile {
  readonly path: string;
  readonly hash: string;
}

/** Hashes of those files that are whole in the beginning of a tarball. */
async function filesIn(bytes: Uint8Array<ArrayBuffer>, pattern: RegExp): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  try {
    for await (const { path, body } of tarFiles(plainStream(bytes), "tarball")) {
      if (!pattern.test(path)) continue;
      const hash = createHash("sha256");
      for await (const chunk of body) hash.update(chunk);
      found.push({ path, hash: `sha256-${hash.digest("base64")}` });
    }
  } catch {
    // The beginning of an archive ends too early.
  }
  return found;
}

/** The beginning of a tarball that holds the library for a platform, or none where there is none. */
async function libraryPackage(
  tarball: Uint8Array<ArrayBuffer>,
  version: string,
  platform: string,
): Promise<PartPackage[]> {
  const pattern = LIBRARIES[platform]!;
  const files = await filesIn(tarball, pattern);
  if (files.length === 0) return [];
  files.sort((a, b) =>
    Number(b.path.includes("onnxruntime")) - Number(a.path.includes("onnxruntime"))
  );
  let [low, high] = [0, Math.ceil(tarball.length / STEP)];
  while (high - low > 1) {
    const middle = low + high >> 1;
    const isWhole =
      (await filesIn(tarball.subarray(0, middle * STEP), pattern)).length === files.length;
    [low, high] = isWhole ? [low, middle] : [middle, high];
  }
  // One step more, as inflaters hold back different amounts.
  const bytes = Math.min(tarball.length, (high + 1) * STEP);
  const digest = createHash("sha512").update(tarball.subarray(0, bytes)).digest("base64");
  const hashes = Object.fromEntries(files.map(({ path, hash }) => [path, hash]));
  return [{
    ...{ name: "onnxruntime-node", version, platform, bytes },
    ...{ integrity: `sha512-${digest}`, files: hashes },
  }];
}

/** The part of one version of ONNX Runtime. */
async function runtimePart(version: string): Promise<Part> {
  const about: { dist: { integrity: string } } =
    await (await fetch(`${npmRegistry().url}/onnxruntime-node/${version}`)).json();
  const response = await fetch(tarballUrl("onnxruntime-node", version));
  const tarball = new Uint8Array(await response.arrayBuffer());
  const digest = createHash("sha512").update(tarball).digest("base64");
  if (`sha512-${digest}` !== about.dist.integrity) throw new Error(`Wrong bytes of ${version}`);
  const packages: PartPackage[] = [];
  for (const platform of PLATFORMS) {
    packages.push(...await libraryPackage(tarball, version, platform));
  }
  return { name: "onnxruntime", about: "networks", packages };
}

/** A wheel of the Python index to be made a part of. */
interface WheelPlan {
  readonly constant: string;
  readonly part: Omit<Part, "packages">;
  readonly version: string;
  /** The files that are kept by platform, in the order in which they are loaded. */
  readonly files: Readonly<Record<string, readonly string[]>>;
}

const [LIB, BIN] = ["nvidia/cu13/lib/lib", "nvidia/cu13/bin/x86_64/"];
const CUDNN_LIBRARIES = [
  ...["graph", "ops", "cnn", "adv", "heuristic", "engines_runtime_compiled"],
  "engines_precompiled",
];

/** Files of the CUDA libraries of a wheel. */
function cudaFiles(linux: readonly string[], windows: readonly string[]): WheelPlan["files"] {
  const files = linux.map((name) => LIB + name);
  const dlls = windows.map((name) => `${BIN}${name}.dll`);
  return { "linux-x64": files, "linux-arm64": files, "win32-x64": dlls };
}

/**
 * ONNX Runtime's CUDA build, and what it loads: the libraries of CUDA 13.0 with which it was built,
 * which every driver for CUDA 13 runs, and a cuDNN 9.
 */
export const WHEELS: readonly WheelPlan[] = [
  {
    constant: "CUDA_BUILD",
    part: { name: "onnxruntime-gpu", about: "networks on CUDA" },
    version: ONNX_RUNTIMES.latest,
    files: Object.fromEntries(PLATFORMS.map((platform) => {
      const isWindows = platform.startsWith("win32");
      const core = isWindows ? "onnxruntime.dll" : `libonnxruntime.so.${ONNX_RUNTIMES.latest}`;
      const providers = ["shared", "cuda"].map((name) =>
        isWindows ? `onnxruntime_providers_${name}.dll` : `libonnxruntime_providers_${name}.so`
      );
      return [platform, [core, ...providers].map((name) => `onnxruntime/capi/${name}`)];
    })),
  },
  {
    constant: "CUDA_RUNTIME",
    part: { name: "nvidia-cuda-runtime", about: "CUDA" },
    version: "13.0.96",
    files: cudaFiles(["cudart.so.13"], ["cudart64_13"]),
  },
  {
    constant: "CUDA_COMPILER",
    part: { name: "nvidia-cuda-nvrtc", about: "CUDA" },
    version: "13.0.88",
    files: cudaFiles(
      ["nvrtc-builtins.so.13.0", "nvrtc.so.13"],
      ["nvrtc-builtins64_130", "nvrtc64_130_0"],
    ),
  },
  {
    constant: "CUBLAS",
    part: { name: "nvidia-cublas", about: "CUDA" },
    version: "13.1.0.3",
    files: cudaFiles(["cublasLt.so.13", "cublas.so.13"], ["cublasLt64_13", "cublas64_13"]),
  },
  {
    constant: "CURAND",
    part: { name: "nvidia-curand", about: "CUDA" },
    version: "10.4.0.35",
    files: cudaFiles(["curand.so.10"], ["curand64_10"]),
  },
  {
    constant: "CUFFT",
    part: { name: "nvidia-cufft", about: "CUDA" },
    version: "12.0.0.61",
    files: cudaFiles(["cufft.so.12"], ["cufft64_12"]),
  },
  {
    constant: "CUDNN",
    part: { name: "nvidia-cudnn-cu13", about: "CUDA" },
    version: "9.19.0.56",
    files: Object.fromEntries(PLATFORMS.map((platform) => {
      const names = [...CUDNN_LIBRARIES.map((name) => `cudnn_${name}`), "cudnn"];
      const files = platform.startsWith("win32")
        ? names.map((name) => `nvidia/cudnn/bin/${name}64_9.dll`)
        : names.map((name) => `nvidia/cudnn/lib/lib${name}.so.9`);
      return [platform, files];
    })),
  },
];

/** Platforms for which the Python index has the CUDA build, as ends of wheels' names. */
const WHEEL_PLATFORMS = {
  "linux-x64": /^[^-]+-[^-]+-(cp311-cp311|py3-none)-manylinux.*_x86_64\.whl$/,
  "linux-arm64": /^[^-]+-[^-]+-(cp311-cp311|py3-none)-manylinux.*_aarch64\.whl$/,
  "win32-x64": /^[^-]+-[^-]+-(cp311-cp311|py3-none)-win_amd64\.whl$/,
};

interface IndexFile {
  readonly filename: string;
  readonly url: string;
  readonly hashes: { readonly sha256: string };
}

/** Hashes of some files of a wheel, whose own hash must be the index's. */
async function wheelPackage(
  { filename, url, hashes }: IndexFile,
  wanted: readonly string[],
): Promise<Pick<PartPackage, "wheel" | "bytes" | "integrity" | "files">> {
  const wheel = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const digest = createHash("sha256").update(wheel).digest();
  if (digest.toString("hex") !== hashes.sha256) throw new Error(`Wrong bytes of ${filename}`);
  const zip = await ZipReader.open(await openByteSource(wheel));
  const files: Record<string, string> = {};
  for (const path of wanted) {
    const entry = zip.entries.get(path);
    if (entry === undefined) throw new Error(`No ${path} in ${filename}`);
    const hash = createHash("sha256").update(await zip.read(entry)).digest("base64");
    files[path] = `sha256-${hash}`;
  }
  const integrity = `sha256-${digest.toString("base64")}`;
  return { wheel: filename, bytes: wheel.length, integrity, files };
}

/** The part of a wheel's plan. */
async function wheelPart({ part, version, files }: WheelPlan): Promise<Part> {
  const headers = { accept: "application/vnd.pypi.simple.v1+json" };
  const answer = await fetch(`${pythonIndex().url}/${part.name}/`, { headers });
  const index: { files: readonly IndexFile[] } = await answer.json();
  const packages: PartPackage[] = [];
  for (const [platform, pattern] of Object.entries(WHEEL_PLATFORMS)) {
    const file = index.files.find(({ filename }) =>
      filename.split("-")[1] === version && pattern.test(filename)
    );
    if (file === undefined) throw new Error(`No wheel of ${part.name} ${version}, ${platform}`);
    const { wheel, ...row } = await wheelPackage(file, files[platform]!);
    packages.push({ name: part.name, version, platform, ...defined({ wheel }), ...row });
  }
  return { ...part, packages };
}

/** A generated file. */
function tableText(typeFrom: string, parts: ReadonlyMap<string, Part>): string {
  const constants = [...parts].map(([constant, part]) =>
    `/** The part ${part.name}, for ${part.about}. */\n` +
    `export const ${constant}: Part = ${JSON.stringify(part, undefined, 2)};\n`
  );
  return `/**
 * Generated by \`testing/parts.ts\`: packages, their bytes and hashes.
 *
 * @module
 */
import type { Part } from "${typeFrom}";

${constants.join("\n")}`;
}

async function write(file: string, parts: ReadonlyMap<string, Part>): Promise<void> {
  const typeFrom = file.includes("transport/") ? "./part.ts" : "@vcs/transport/internal";
  await Deno.writeTextFile(join(ROOT, file), tableText(typeFrom, parts));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", join(ROOT, file)] }).output();
}

async function lockedPart(plan: PartPlan): Promise<[string, Part]> {
  const packages = await Promise.all(
    lockedPackages(await readLock(plan), plan).map(async ({ integrity, ...row }) => ({
      ...{ ...row, bytes: await tarballBytes({ ...row, integrity }), integrity },
    })),
  );
  return [plan.constant, { ...plan.part, packages }];
}

/** Writes the tables of packages that the lock has. */
async function writeLocked(files: readonly string[]): Promise<void> {
  for (const file of files) {
    await write(file, new Map(await Promise.all(TABLES[file]!.map(lockedPart))));
  }
}

/** Writes the tables of ONNX Runtime and its CUDA build. */
async function writeRuntimes(): Promise<void> {
  const { latest, oldest } = ONNX_RUNTIMES;
  await write(
    "packages/onnx/runtime/runtime_part.ts",
    new Map([["ONNX_RUNTIME", await runtimePart(latest)]]),
  );
  const wheels = new Map<string, Part>();
  for (const plan of WHEELS) wheels.set(plan.constant, await wheelPart(plan));
  await write("packages/onnx/cuda/cuda_parts.ts", wheels);
  await write(
    "testing/oldest_runtime_part.ts",
    new Map([["OLDEST_RUNTIME", await runtimePart(oldest)]]),
  );
}

if (import.meta.main) {
  await writeLocked(Deno.args.length > 0 ? Deno.args : Object.keys(TABLES));
  if (Deno.args.length === 0) await writeRuntimes();
}
