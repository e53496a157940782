/**
 * A part: packages of the npm registry, or wheels of the Python index, most with native code, that
 * are fetched at their first use into our own cache. The module graph names none of them, so that a command which needs none
 * fetches none, in every folder.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { join } from "node:path";
import { type Environment, environment } from "../command/environment.ts";
import { broughtDirectory, cacheDirectory } from "../fetch/cache_folder.ts";

/** A package of a part. */
export interface PartPackage {
  /** Its name in the registry. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Platform that it is for, as `linux-x64`. Default: all. */
  readonly platform?: string;
  /** File name of its wheel in the Python index. Default: it is a tarball of npm's registry. */
  readonly wheel?: string;
  /** Bytes that are fetched: all of a wheel or tarball, or with `files` a tarball's beginning. */
  readonly bytes: number;
  /** Hash of these bytes: `sha512-` or `sha256-` and base64. */
  readonly integrity: string;
  /** The only files that are taken, with the hash of each. Default: all. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Packages that are fetched together. */
export interface Part {
  /** What it is called, in messages and folders. */
  readonly name: string;
  /** What it is for, in a few words. */
  readonly about: string;
  /** Its packages for all platforms; the version and the main module are those of the first. */
  readonly packages: readonly PartPackage[];
}

/** Names of operating systems in the registry, where they differ from Deno's. */
const SYSTEMS: Readonly<Record<string, string>> = { windows: "win32" };

/** This machine, as the registry names platforms. */
export function currentPlatform(
  { os, arch }: Pick<typeof Deno.build, "os" | "arch"> = Deno.build,
): string {
  return `${SYSTEMS[os] ?? os}-${arch === "x86_64" ? "x64" : "arm64"}`;
}

/** The packages of a part that a platform needs, or undefined where it is not supported. */
export function packagesFor(part: Part, platform: string): PartPackage[] | undefined {
  const needed = part.packages.filter((p) => p.platform === undefined || p.platform === platform);
  const isNative = part.packages.some((p) => p.platform !== undefined);
  return isNative && needed.every((p) => p.platform === undefined) ? undefined : needed;
}

/** A part's name with its version. */
export function partTitle({ name, packages }: Part): string {
  return `${name} ${packages[0]?.version ?? ""}`.trim();
}

/** Bytes that are fetched. */
export function totalBytes(packages: readonly PartPackage[]): number {
  return packages.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Folder of parts in our cache. */
export function partsDirectory(env: Environment = environment): string {
  return join(cacheDirectory(env), "parts");
}

/** Name of a part's folder, which changes with all that it holds. */
export function folderName(part: Part, packages: readonly PartPackage[]): string {
  const hash = builtin("node:crypto").createHash("sha256").update(JSON.stringify(packages)).digest(
    "hex",
  ).slice(0, 8);
  return `${part.name}@${part.packages[0]?.version}-${hash}`;
}

/** Where the files of a package lie in the folder of its part. */
export function packageFolder(folder: string, { name, wheel }: PartPackage): string {
  return wheel === undefined ? join(folder, "node_modules", name) : join(folder, "site-packages");
}

/** Where a part may lie: in the folder that the program brings, then in our cache. */
export function partPlaces(name: string, env: Environment): string[] {
  const brought = broughtDirectory(env);
  return [
    ...(brought === undefined ? [] : [join(brought, "parts", name)]),
    join(partsDirectory(env), name),
  ];
}
