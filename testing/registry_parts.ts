/**
 * A part of made-up packages, and a registry that serves them as well or as badly as a test wants.
 *
 * @module
 */
import { type Part, type PartPackage, zipStream } from "@vcs/transport/internal";
import { createHash, randomBytes } from "node:crypto";
import { FaultyServer, good, head, type Script, status } from "./faulty_server.ts";
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

/** A wheel, and where a stand-in index has it. */
export interface MadeWheel extends MadePart {
  /** Name of the wheel's file. */
  readonly wheel: string;
  /** Bytes of the wheel. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Makes a part of version 1.0.0 that is a wheel, of which these files are kept; it has more. */
export async function makeWheel(
  name: string,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  platform = "linux-x64",
): Promise<MadeWheel> {
  const wheel = `${name.replaceAll("-", "_")}-1.0.0-py3-none-${platform}.whl`;
  const rest = { [`${name}/rest.bin`]: noise(50_000) };
  const inputs = Object.entries({ ...rest, ...files })
    .map(([name, bytes]) => ({ name, parts: [bytes] }));
  const bytes = new Uint8Array(await new Response(zipStream(inputs)).arrayBuffer());
  const hashes = Object.entries(files).map(([path, bytes]) => [path, integrityOf(bytes, "sha256")]);
  const row = {
    ...{ name, version: "1.0.0", platform, wheel, bytes: bytes.length },
    ...{ integrity: integrityOf(bytes, "sha256"), files: Object.fromEntries(hashes) },
  };
  const part = { name, about: "tests", packages: [row] };
  return { part, tarballs: new Map([[`/files/${wheel}`, bytes]]), wheel, bytes };
}

/** How an index answers: its type, and its text given the names of files. */
export const INDEX_FORMATS: Readonly<Record<string, (wheels: readonly string[]) => string>> = {
  "application/vnd.pypi.simple.v1+json": (wheels) =>
    JSON.stringify({ files: wheels.map((name) => ({ filename: name, url: `/files/${name}` })) }),
  "text/html": (wheels) =>
    wheels.map((name) => `<a class="x" href="../../files/${name}#sha256=0">${name}</a>`).join("\n"),
};

/** A Python index below `/simple` and its files, as {@linkcode serveParts} serves tarballs. */
export function serveWheels(
  wheels: readonly MadeWheel[],
  faults: Readonly<Record<string, Script[]>> = {},
  type = "application/vnd.pypi.simple.v1+json",
): FaultyServer {
  const answers = new Map(wheels.flatMap(({ tarballs }) => [...tarballs]));
  return new FaultyServer((request, write) => {
    const fault = faults[request.path]?.shift();
    const bytes = answers.get(request.path);
    const page = wheels.find(({ part }) => request.path === `/simple/${part.name}/`);
    if (fault !== undefined || page === undefined) {
      return (fault ?? (bytes ? good(bytes) : status(404)))(request, write);
    }
    const text = INDEX_FORMATS[type]!(["other-1.0.0.whl", page.wheel]);
    return write(head(200, { "content-type": type, "content-length": text.length }) + text);
  });
}
