/**
 * PyTorch's zip layout, since version 1.6: `<root>/data.pkl` is the pickled tree, `<root>/data/<key>`
 * the bytes of each storage, `<root>/byteorder` their order. TorchScript archives are the same with
 * code beside it, which is never looked at.
 *
 * @module
 */
import { type ByteSource, type ZipEntry, ZipReader } from "@vcs/transport/portable";
import { OnnxError } from "../errors.ts";
import { readPickle } from "./pickle.ts";
import { type StorageId, type TorchArchive, torchHost } from "./archive.ts";
import type { TorchStorage } from "./tensor.ts";

/** Largest pickle: the tree of a checkpoint with 10,000 tensors has about 2 MB. */
const MAX_PICKLE = 1 << 26;
const TREE = "/data.pkl";

function invalid(source: ByteSource, what: string): OnnxError {
  return new OnnxError("checkpoint-invalid", `Cannot read checkpoint ${source.name}: ${what}`);
}

/** Finds `<root>/data.pkl`, whatever the root is called. */
function findTree(source: ByteSource, zip: ZipReader): ZipEntry {
  const [tree, ...more] = [...zip.entries.values()].filter(({ name }) => name.endsWith(TREE));
  if (!tree) throw invalid(source, `the archive has no entry that ends in ${TREE}`);
  if (more.length > 0) throw invalid(source, `the archive has several entries that end in ${TREE}`);
  if (tree.size > MAX_PICKLE) {
    throw invalid(source, `${tree.name} has ${tree.size} bytes, at most ${MAX_PICKLE} are allowed`);
  }
  return tree;
}

async function isBigEndian(source: ByteSource, zip: ZipReader, root: string): Promise<boolean> {
  const entry = zip.entries.get(`${root}/byteorder`);
  if (!entry) return false;
  const word = entry.size <= 16 ? new TextDecoder().decode(await zip.read(entry)) : "";
  if (word === "little" || word === "big") return word === "big";
  throw invalid(source, `byteorder is ${JSON.stringify(word)}, little and big are allowed`);
}

function resolver(source: ByteSource, zip: ZipReader, root: string) {
  return ({ key, storage }: StorageId): TorchStorage => {
    const entry = zip.entries.get(`${root}/data/${key}`);
    if (!entry) throw invalid(source, `storage ${JSON.stringify(key)} is not in the archive`);
    if (entry.size >= storage.byteLength) return storage;
    throw invalid(
      source,
      `storage ${key} has ${entry.size} bytes, its tensors take ${storage.byteLength}`,
    );
  };
}

/** Reads a range of a record; where it is the whole record its CRC-32 is checked. */
async function readRecord(zip: ZipReader, entry: ZipEntry, from: number, length: number) {
  if (entry.stored && length < entry.size) return await zip.readRange(entry, from, length);
  const bytes = await zip.read(entry);
  return length < entry.size ? bytes.slice(from, from + length) : bytes;
}

/**
 * Opens the zip layout.
 *
 * @param source the file
 * @param allowed names of further data classes
 * @throws {OnnxError} `checkpoint-invalid` or `checkpoint-refused`
 */
export async function openTorchZip(
  source: ByteSource,
  allowed: ReadonlySet<string>,
): Promise<TorchArchive> {
  const zip = await ZipReader.open(source, { zeroCrcMeansNone: true });
  const tree = findTree(source, zip);
  const rootName = tree.name.slice(0, -TREE.length);
  const bigEndian = await isBigEndian(source, zip, rootName);
  const host = torchHost(allowed, resolver(source, zip, rootName));
  const { value } = readPickle(await zip.read(tree), host);
  return {
    format: zip.entries.has(`${rootName}/constants.pkl`) ? "torchscript" : "torch",
    root: value,
    bigEndian,
    read: (storage, from, length) =>
      readRecord(zip, zip.entries.get(`${rootName}/data/${storage.key}`)!, from, length),
  };
}
