/**
 * Takes packages apart: npm's tarballs, whole or only some files of their beginning, and some files
 * of wheels, which are zip archives.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { dirname, join } from "node:path";
import { TransportError } from "../errors.ts";
import { ZipReader } from "../formats/zip_reader.ts";
import { openByteSource } from "../io/byte_source.ts";
import { writeAll } from "../io/write_all.ts";
import type { PartPackage } from "./part.ts";
import { type TarFile, tarFiles } from "./tar.ts";

/** Names of files with the hash that each must have. */
type Hashes = Readonly<Record<string, string>>;

/** Writes a file; gives its hash as registries write it. */
async function unpackFile(
  { path, isExecutable, body }: Omit<TarFile, "size">,
  folder: string,
): Promise<string> {
  const target = join(folder, ...path.split("/"));
  await Deno.mkdir(dirname(target), { recursive: true });
  const mode = isExecutable ? 0o755 : 0o644;
  using file = await Deno.open(target, { write: true, create: true, truncate: true, mode });
  const hash = builtin("node:crypto").createHash("sha256");
  for await (const bytes of body) {
    hash.update(bytes);
    await writeAll(file, bytes);
  }
  return `sha256-${hash.digest("base64")}`;
}

/** Writes a file that must have a hash. */
async function unpackRight(
  file: Omit<TarFile, "size">,
  folder: string,
  { [file.path]: wanted }: Hashes,
  archive: string,
): Promise<void> {
  const found = await unpackFile(file, folder);
  if (found === wanted) return;
  throw new TransportError("checksum", `Cannot use ${file.path} of ${archive}: found ${found}`);
}

function refuseMissing(archive: string, missing: Iterable<string>): void {
  const names = [...missing].join(", ");
  if (names === "") return;
  throw new TransportError("format", `Cannot read ${archive}: found no ${names}`);
}

/** Unpacks a tarball, or only some of its files; then the rest of it is not read. */
async function unpackTarball(tarball: string, folder: string, wanted?: Hashes): Promise<void> {
  const missing = new Set(Object.keys(wanted ?? {}));
  using file = await Deno.open(tarball);
  const plain = file.readable.pipeThrough(new DecompressionStream("gzip"));
  for await (const entry of tarFiles(plain, tarball)) {
    if (wanted === undefined) await unpackFile(entry, folder);
    else if (missing.delete(entry.path)) {
      await unpackRight(entry, folder, wanted, tarball);
      if (missing.size === 0) return;
    }
  }
  refuseMissing(tarball, missing);
}

/** Unpacks some files of a wheel. Paths are those of our table, never those of the archive. */
async function unpackWheel(wheel: string, folder: string, wanted: Hashes): Promise<void> {
  using source = await openByteSource(wheel);
  const zip = await ZipReader.open(source);
  const missing = new Set(Object.keys(wanted));
  for (const path of missing) {
    const entry = zip.entries.get(path);
    if (entry === undefined) continue;
    await unpackRight(
      { path, isExecutable: false, body: zip.stream(entry) },
      folder,
      wanted,
      wheel,
    );
    missing.delete(path);
  }
  refuseMissing(wheel, missing);
}

/**
 * Unpacks a package's archive into a folder.
 *
 * @throws {TransportError} `format` where the archive is broken or lacks a file, `checksum` where a
 * file has another hash than the table's.
 */
export async function unpack(
  archive: string,
  folder: string,
  { wheel, files }: Pick<PartPackage, "wheel" | "files">,
): Promise<void> {
  if (wheel === undefined) await unpackTarball(archive, folder, files);
  else await unpackWheel(archive, folder, files ?? {});
}
