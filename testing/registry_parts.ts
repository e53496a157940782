/**
 * A part of made-up packages, and a registry that serves them as well or as badly as a test wants.
 *
 * @module
 */
import type { Part, PartPackage } from "@vcs/transport/internal";
import { createHash, randomBytes } from "node:crypto";
import { FaultyServer, good, type Script, status } from "./faulty_server.ts";
import { gzip, tarBytes, type TarEntry } from "./tarball.ts";

/** Packages by name: entries of their tarballs, and fields of their rows. */
export interface MadePackage extends Partial<Omit<PartPackage, "name">> {
  readonly name: string;
  readonly entries: readonly TarEntry[];
}

/** A part and its tarballs. */
export interface MadePart {
  readonly part: Part;
  /** Tarballs by the path at which a registry serves them. */
  readonly tarballs: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Hash of bytes as registries write it. */
export function integrityOf(bytes: Uint8Array, algorithm = "sha512"): string {
  return `${algorithm}-${createHash(algorithm).update(bytes).digest("base64")}`;
}

/** Bytes that do not get smaller. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(length));
}

/** Makes a part whose packages have version 1.0.0. */
export async function makePart(name: string, packages: readonly MadePackage[]): Promise<MadePart> {
  const tarballs = new Map<string, Uint8Array<ArrayBuffer>>();
  const rows: PartPackage[] = [];
  for (const { entries, ...row } of packages) {
    const tarball = await gzip(tarBytes(entries));
    tarballs.set(`/${row.name}/-/${row.name.split("/").at(-1)}-1.0.0.tgz`, tarball);
    rows.push({
      ...{ version: "1.0.0", bytes: tarball.length, integrity: integrityOf(tarball) },
      ...row,
    });
  }
  return { part: { name, about: "tests", packages: rows }, tarballs };
}

/** `greeter`, which needs another package and has native code for two platforms. */
export function greeterPart(): Promise<MadePart> {
  const main = `module.exports = { greet: () => require("@made/words") + require("./native") };`;
  const native = (word: string): TarEntry => ({
    path: "package/index.js",
    content: `module.exports = "${word}";`,
  });
  return makePart("greeter", [
    {
      name: "greeter",
      entries: [
        { path: "package/index.js", content: main },
        {
          path: "package/native.js",
          content: `module.exports = require("@made/native-linux-x64");`,
        },
        { path: "package/bin/run.sh", content: "true", mode: "755" },
        { path: "package/noise.bin", content: noise(60_000) },
      ],
    },
    { name: "@made/words", entries: [native("hello ")] },
    { name: "@made/native-linux-x64", platform: "linux-x64", entries: [native("from linux")] },
    { name: "@made/native-win32-x64", platform: "win32-x64", entries: [native("from windows")] },
  ]);
}

/** A registry on a port of its own. `faults` stand for good answers by path, used up in order. */
export function serveParts(
  { tarballs }: MadePart,
  faults: Readonly<Record<string, Script[]>> = {},
): FaultyServer {
  return new FaultyServer((request, write) => {
    const fault = faults[request.path]?.shift();
    const tarball = tarballs.get(request.path);
    return (fault ?? (tarball ? good(tarball) : status(404)))(request, write);
  });
}
