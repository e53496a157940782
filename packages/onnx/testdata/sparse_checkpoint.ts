/**
 * Writes a checkpoint of any size in PyTorch's zip layout, its tensors as holes in a sparse file:
 * 6 GB take a few hundred KB of disk. Checksums are omitted (zero), as PyTorch can.
 */
import { writeAll } from "@vcs/transport/internal";
import { join, op, rebuilt, storage } from "./checkpoint_cases.ts";

interface Placed {
  name: Uint8Array;
  size: number;
  offset: number;
}

const ALIGNMENT = 64;

function fields(...values: (readonly [size: 2 | 4 | 8, value: number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of values) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

/** A local header whose extra field pads the data to 64 bytes, as PyTorch does. */
function localHeader({ name, size, offset }: Placed): Uint8Array<ArrayBuffer> {
  const unpadded = offset + 30 + name.length + 24;
  const padding = (ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT;
  const head = fields([4, 0x04034b50], [2, 45], [2, 0], [2, 0], [4, 0], [4, 0]);
  const sizes = fields([4, 0xffffffff], [4, 0xffffffff], [2, name.length], [2, 24 + padding]);
  const extra = fields([2, 1], [2, 16], [8, size], [8, size], [2, 0x4246], [2, padding]);
  return join(head, sizes, name, extra, new Uint8Array(padding));
}

function centralHeader({ name, size, offset }: Placed): Uint8Array<ArrayBuffer> {
  const head = fields([4, 0x02014b50], [2, 45], [2, 45], [2, 0], [2, 0], [4, 0], [4, 0]);
  const sizes = fields([4, 0xffffffff], [4, 0xffffffff], [2, name.length], [2, 28], [2, 0]);
  const rest = fields([2, 0], [2, 0], [4, 0], [4, 0xffffffff]);
  return join(head, sizes, rest, name, fields([2, 1], [2, 24], [8, size], [8, size], [8, offset]));
}

function endRecords(count: number, offset: number, size: number): Uint8Array<ArrayBuffer> {
  return fields(
    ...([[4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]] as const),
    ...([[8, count], [8, count], [8, size], [8, offset]] as const),
    ...([[4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]] as const),
    ...([[4, 0x06054b50], [4, 0], [2, 0xffff], [2, 0xffff]] as const),
    ...([[4, 0xffffffff], [4, 0xffffffff], [2, 0]] as const),
  );
}

/**
 * Writes the file.
 *
 * @param count number of tensors, named `layer.<i>.weight`
 * @param elements number of F32 elements of each; the first is i, the others are zero
 */
export async function writeSparseCheckpoint(
  path: string,
  count: number,
  elements: number,
): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const placed: Placed[] = [];
  let at = 0;
  const put = async (name: string, size: number, data: Uint8Array) => {
    const entry = { name: join(`root/${name}`), size, offset: at };
    const head = localHeader(entry);
    await write(file, at, head);
    await write(file, at + head.length, data);
    placed.push(entry);
    at += head.length + size;
  };
  const names = Array.from({ length: count }, (_, i) => `layer.${i}.weight`);
  const items = names.flatMap((name, i) => [
    op.text(name),
    rebuilt(storage("FloatStorage", String(i), elements), 0, [elements], [1]),
  ]);
  const tree = join(op.start, op.dict(...items), ".");
  await put("data.pkl", tree.length, tree);
  await put("version", 2, join("3\n"));
  for (let i = 0; i < count; i++) {
    await put(`data/${i}`, 4 * elements, new Uint8Array(new Float32Array([i]).buffer));
  }
  const directory = join(...placed.map(centralHeader));
  await write(file, at, directory);
  await write(file, at + directory.length, endRecords(placed.length, at, directory.length));
}

async function write(file: Deno.FsFile, offset: number, bytes: Uint8Array): Promise<void> {
  await file.seek(offset, Deno.SeekMode.Start);
  await writeAll(file, bytes);
}
