import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { mutations } from "#testing/fuzz.ts";
import { openByteSource } from "../io/byte_source.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { fixture, hasCode } from "../testdata/format_cases.ts";
import { ZipReader, type ZipReaderOptions } from "./zip_reader.ts";
import { zipStream } from "./zip_writer.ts";

interface Member {
  name: string;
  data: Uint8Array;
  /** Fields to falsify, by offset in the local and the central header. */
  local?: [offset: number, size: 2 | 4, value: number][];
  central?: [offset: number, size: 2 | 4, value: number][];
  /** Name in the local header, where it differs. */
  localName?: string;
}

function set(view: DataView, fields: readonly [number, number, number][]): void {
  for (const [offset, size, value] of fields) {
    if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  }
}

function withHeader(size: number, name: string, fields: [number, number, number][]): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(size + text.length);
  bytes.set(text, size);
  set(new DataView(bytes.buffer), fields);
  return bytes;
}

function join(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A plain archive of stored members, as the format's first version has it. */
function archive(
  members: Member[],
  end: [offset: number, size: 2 | 4, value: number][] = [],
  comment = "",
): Uint8Array {
  const body: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, data, local = [], central = [], localName = name } of members) {
    const sum = crc32(data);
    const head = withHeader(30, localName, [
      [0, 4, 0x04034b50],
      [14, 4, sum],
      [18, 4, data.length],
      [22, 4, data.length],
      [26, 2, new TextEncoder().encode(localName).length],
      ...local,
    ]);
    directory.push(withHeader(46, name, [
      [0, 4, 0x02014b50],
      [16, 4, sum],
      [20, 4, data.length],
      [24, 4, data.length],
      [28, 2, new TextEncoder().encode(name).length],
      [42, 4, offset],
      ...central,
    ]));
    body.push(head, data);
    offset += head.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const tail = withHeader(22, comment, [
    [0, 4, 0x06054b50],
    [8, 2, members.length],
    [10, 2, members.length],
    [12, 4, size],
    [16, 4, offset],
    [20, 2, comment.length],
    ...end,
  ]);
  return join([...body, ...directory, tail]);
}

const a: Member = { name: "a", data: new Uint8Array([1, 2, 3]) };
const b: Member = { name: "b/ü", data: new Uint8Array(500).fill(7) };

async function readAll(bytes: Uint8Array, options?: ZipReaderOptions) {
  using source = await openByteSource(bytes);
  const zip = await ZipReader.open(source, options);
  return await Array.fromAsync(
    zip.entries.values(),
    async (entry) => [entry.name, await zip.read(entry)] as const,
  );
}

async function refuses(bytes: Uint8Array, what: string, ...codes: TransportErrorCode[]) {
  await assert.rejects(readAll(bytes), hasCode(...codes), what);
}

Deno.test("a plain archive is read, with a comment and with none", async () => {
  for (const comment of ["", "hello", "PK\u0005\u0006 in a comment"]) {
    const entries = await readAll(archive([a, b], [], comment));
    assert.deepEqual(entries, [["a", a.data], ["b/ü", b.data]]);
  }
  assert.deepEqual(await readAll(archive([])), []);
});

/** A zip64 archive of one member whose end record, in its old fields, names another directory. */
function twoViews(comment: string): { bytes: Uint8Array; seen: string } {
  const inner = archive([{ name: "real", data: a.data }]);
  const directory = inner.length - 22 - 46 - 4;
  const end64 = withHeader(56, "", []);
  const view = new DataView(end64.buffer);
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, 44n, true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, 1n, true);
  view.setBigUint64(40, 50n, true);
  view.setBigUint64(48, BigInt(directory), true);
  const locator = withHeader(20, "", [[0, 4, 0x07064b50], [16, 4, 1]]);
  new DataView(locator.buffer).setBigUint64(8, BigInt(directory + 50), true);
  const old = withHeader(22, comment, [[0, 4, 0x06054b50], [20, 2, comment.length]]);
  return { bytes: join([inner.subarray(0, directory + 50), end64, locator, old]), seen: "real" };
}

Deno.test("the zip64 records count also behind a comment", async () => {
  for (const length of [0, 1, 19, 20, 21, 400]) {
    const { bytes, seen } = twoViews("c".repeat(length));
    const names = (await readAll(bytes)).map(([name]) => name);
    assert.deepEqual(names, [seen], `a comment of ${length} bytes`);
  }
});

Deno.test("a part of an archive on several disks is refused", async () => {
  await refuses(archive([a], [[4, 2, 1]]), "second disk", "unsupported");
  const { bytes } = twoViews("");
  new DataView(bytes.buffer).setUint32(bytes.length - 22 - 20 - 56 + 16, 3, true);
  await refuses(bytes, "third disk", "unsupported");
  for (const [at, value] of [[4, 1], [16, 2]] as const) {
    const { bytes } = twoViews("");
    new DataView(bytes.buffer).setUint32(bytes.length - 22 - 20 + at, value, true);
    await refuses(bytes, "a locator of two disks", "unsupported");
  }
});

Deno.test("a part of a stored entry is read by range", async () => {
  const bytes = archive([a, b]);
  using source = await openByteSource(bytes);
  const zip = await ZipReader.open(source);
  const entry = zip.entries.get("a")!;
  assert.deepEqual(await zip.readRange(entry, 1, 2), new Uint8Array([2, 3]));
  assert.equal(bytes[await zip.dataOffset(entry)], 1);
  await assert.rejects(zip.readRange(entry, 2, 2), hasCode("format"));
  const streamed = await Array.fromAsync(zip.stream(entry));
  assert.deepEqual(streamed, [a.data]);
});

Deno.test("a damaged end record is refused", async () => {
  const good = archive([a]);
  for (const length of [0, 3, 21, good.length - 1]) {
    await refuses(good.subarray(0, length), `${length} bytes`, "format");
  }
  await refuses(archive([a], [[10, 2, 2]]), "a count too high", "format");
  await refuses(archive([a], [[12, 4, 1]]), "a size too low", "format");
  await refuses(archive([a], [[16, 4, 0xfffffff0]]), "an offset past the end", "format");
  await refuses(join([new Uint8Array(9), good]), "bytes before the archive", "format");
});

Deno.test("a zip64 locator that leads nowhere is refused", async () => {
  const locator = (offset: number) =>
    withHeader(20, "", [[0, 4, 0x07064b50], [8, 4, offset], [16, 4, 1]]);
  const good = archive([a]);
  const cut = good.length - 22;
  for (const offset of [0, 1 << 30]) {
    const bytes = join([good.subarray(0, cut), locator(offset), good.subarray(cut)]);
    await refuses(bytes, `locator to ${offset}`, "format");
  }
});

Deno.test("a damaged directory is refused", async () => {
  const fields: [string, number, 2 | 4, number, TransportErrorCode][] = [
    ["signature", 0, 4, 0, "format"],
    ["encrypted", 8, 2, 1, "unsupported"],
    ["method", 10, 2, 12, "unsupported"],
    ["checksum", 16, 4, 1, "checksum"],
    ["sizes differ", 20, 4, 2, "format"],
    ["size past the end", 24, 4, 4, "format"],
    ["long name", 28, 2, 500, "format"],
    ["long extra field", 30, 2, 500, "format"],
    ["header past the end", 42, 4, 1 << 20, "format"],
    ["header elsewhere", 42, 4, 2, "format"],
  ];
  for (const [what, offset, size, value, code] of fields) {
    await refuses(archive([{ ...a, central: [[offset, size, value]] }]), what, code);
  }
  const bomb = { ...a, central: [[10, 2, 8], [24, 4, 1 << 30]] } as Member;
  await refuses(archive([bomb]), "more than deflate can make", "format");
  const cut = { ...a, central: [[10, 2, 8]] } as Member;
  await refuses(archive([cut]), "no deflate data", "format");
});

Deno.test("local headers that contradict the directory are refused", async () => {
  await refuses(archive([{ ...a, local: [[0, 4, 0]] }]), "signature", "format");
  await refuses(archive([{ ...a, localName: "c" }]), "another name", "format");
  await refuses(archive([{ ...a, local: [[28, 2, 100]] }]), "runs into the directory", "format");
});

Deno.test("archives that two readers could read in two ways are refused", async () => {
  await refuses(archive([a, a]), "one name twice", "format");
  await refuses(archive([a, { ...b, central: [[42, 4, 0]] }]), "one header twice", "format");
  await refuses(archive([{ ...a, central: [[20, 4, 9], [24, 4, 9]] }, b]), "overlap", "format");
});

Deno.test("a CRC of zero is checked unless it means none", async () => {
  const bytes = archive([{ ...a, central: [[16, 4, 0]] }]);
  await refuses(bytes, "zero", "checksum");
  assert.equal((await readAll(bytes, { zeroCrcMeansNone: true })).length, 1);
});

Deno.test("names that are not UTF-8 are Latin-1, unless they are said to be UTF-8", async () => {
  const renamed = (central: Member["central"] = []) =>
    archive([{ name: "~", data: a.data, central }]).map((byte) => byte === 0x7e ? 0xff : byte);
  assert.equal((await readAll(renamed()))[0]![0], "ÿ");
  await refuses(renamed([[8, 2, 1 << 11]]), "flag 11", "format");
});

Deno.test("damaged archives give typed errors or entries, never anything else", async () => {
  for (const good of [archive([a, b], [], "note"), fixture("numpy_deflated.npz")]) {
    for (const bytes of mutations(good, 2000)) {
      try {
        await readAll(bytes);
      } catch (error) {
        assert.ok(error instanceof TransportError, String(error));
      }
    }
  }
});

Deno.test("a deflated entry comes in pieces, however well it was deflated", async () => {
  const data = new Uint8Array(40 << 20);
  const file = zipStream([{ name: "zeros", parts: [data] }], true);
  using source = await openByteSource(await new Response(file).bytes());
  const zip = await ZipReader.open(source);
  let size = 0;
  for await (const piece of zip.stream(zip.entries.get("zeros")!)) {
    assert.ok(piece.length <= 8 << 20, `${piece.length} bytes at once`);
    size += piece.length;
  }
  assert.equal(size, data.length);
});
