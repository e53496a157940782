import assert from "node:assert/strict";
import { findLibrary } from "../runtime/library.ts";
import { neededLibraries } from "./elf.ts";

/** A library of one segment, loaded at 0x10000, whose dynamic section needs these. */
function elf(names: readonly string[]): Uint8Array<ArrayBuffer> {
  const strings = new TextEncoder().encode(["", ...names, ""].join("\0"));
  const [dynamicAt, base] = [64 + 2 * 56, 0x10000];
  const tags = [...names.map(() => 1), 5, 10, 0];
  const stringsAt = dynamicAt + tags.length * 16;
  const bytes = new Uint8Array(stringsAt + strings.length);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  put(32, 64);
  view.setUint16(56, 2, true);
  const segment = (at: number, type: number, offset: number, size: number) => {
    view.setUint32(at, type, true);
    put(at + 8, offset);
    put(at + 16, base + offset);
    put(at + 32, size);
  };
  segment(64, 1, 0, bytes.length);
  segment(64 + 56, 2, dynamicAt, tags.length * 16);
  let name = 1;
  tags.forEach((tag, i) => {
    put(dynamicAt + i * 16, tag);
    const value = tag === 1 ? name : tag === 5 ? base + stringsAt : tag === 10 ? strings.length : 0;
    put(dynamicAt + i * 16 + 8, value);
    if (tag === 1) name += names[i]!.length + 1;
  });
  bytes.set(strings, stringsAt);
  return bytes;
}

async function neededOf(bytes: Uint8Array): Promise<string[]> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await neededLibraries(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("the libraries that a library needs are read, in its order", async () => {
  const names = ["libcudart.so.13", "libcuda.so.1", "libc.so.6"];
  assert.deepEqual(await neededOf(elf(names)), names);
  assert.deepEqual(await neededOf(elf([])), []);
});

Deno.test("what is no library of Linux needs none", async () => {
  for (const text of ["", "MZ".repeat(100), "\x7fELF".repeat(40)]) {
    assert.deepEqual(await neededOf(new TextEncoder().encode(text)), []);
  }
});

Deno.test("a library whose tables lie outside of it is an error, at whatever byte it ends", async () => {
  const bytes = elf(["libcudart.so.13"]);
  for (let end = 64; end < bytes.length; end += 7) {
    await assert.rejects(neededOf(bytes.subarray(0, end)), /Cannot read|bytes/, `${end}`);
  }
  const huge = elf(["liba.so"]);
  new DataView(huge.buffer).setBigUint64(64 + 56 + 32, 1n << 62n, true);
  await assert.rejects(neededOf(huge), /a section has/);
});

Deno.test({
  name: "ONNX Runtime needs the C library",
  ignore: Deno.build.os !== "linux",
  fn: async () => assert.ok((await neededLibraries(await findLibrary())).includes("libc.so.6")),
});
