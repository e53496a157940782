/**
 * CRC-32 as zlib, zip and PNG have it (polynomial 0xEDB88320, reflected).
 *
 * @module
 */

/** The CRC-32 of bytes, or of those behind others whose sum is given. */
export type Crc32 = (bytes: Uint8Array, sum?: number) => number;

/** What Node and Deno have beside the web's interfaces. */
interface NodeLike {
  readonly process?: {
    getBuiltinModule?(name: "node:zlib"): { readonly crc32?: Crc32 };
  };
}

let tables: Uint32Array[] | undefined;

/** Eight tables: what a byte becomes once up to seven others follow it. */
function makeTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte >>> 1 ^ (byte & 1 ? 0xedb88320 : 0);
    return byte;
  });
  const made = [first];
  for (let i = 1; i < 8; i++) {
    made.push(made[i - 1]!.map((sum) => first[sum & 255]! ^ sum >>> 8));
  }
  return made;
}

/** Eight bytes at a time (Kounavis and Berry 2005, "slicing-by-8"). */
export function portableCrc32(bytes: Uint8Array, sum = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = (tables ??= makeTables()) as [
    ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
    ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
  ];
  let crc = ~sum;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    crc = t7[crc & 255]! ^ t6[crc >>> 8 & 255]! ^ t5[crc >>> 16 & 255]! ^ t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^ t2[bytes[at + 5]!]! ^ t1[bytes[at + 6]!]! ^ t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]!) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}

/** The runtime's own, ten times as fast, or undefined in a browser. */
export function runtimeCrc32(): Crc32 | undefined {
  return (globalThis as NodeLike).process?.getBuiltinModule?.("node:zlib").crc32;
}

let fastest: Crc32 | undefined;

/**
 * The CRC-32 of bytes, or of those behind others whose sum is given, by the runtime where it can.
 * Whether it can turns out at the first call: loading its zlib takes longer than all of a `--help`.
 */
export function crc32(bytes: Uint8Array, sum = 0): number {
  fastest ??= runtimeCrc32() ?? portableCrc32;
  return fastest(bytes, sum);
}
