/**
 * Records in WebDataset's form: members of a tar archive that share a name up to its first dot.
 * Tensors are `.npy` files, bfloat16 as float32, which holds the same values; fields are in `.json`.
 *
 * A dot in a key's last segment would end WebDataset's own key there: dots and percent signs in it
 * are written as in URLs, `song.mp3` as `song%2Emp3`, and `.json` has the key as it is.
 *
 * @module
 */
import { convertTensor } from "../../formats/tensor_convert.ts";
import { concatBytes } from "../../io/bytes.ts";
import { encodeNpy } from "../../npy.ts";
import type { Tensor } from "../../tensor.ts";
import type { BatchRecord } from "../record.ts";

/** Bytes of a block: headers and bodies fill whole ones. */
const BLOCK = 512;
/** Bytes of a name that a header holds. */
const NAME_BYTES = 100;
/** The end of an archive: two empty blocks. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

/** The name that all members of a record share. */
export function memberStem(key: string): string {
  const at = key.lastIndexOf("/") + 1;
  const last = key.slice(at).replaceAll("%", "%25").replaceAll(".", "%2E");
  return key.slice(0, at) + last;
}

/** A tensor whose dtype NumPy knows. */
export function widened(t: Tensor): Tensor {
  return t.dtype === "BF16" ? convertTensor(t as Tensor<"BF16">, "F32") : t;
}

/** The members of a record, without the end of an archive. */
export function encodeTarRecord(key: string, { tensors, fields }: BatchRecord): Uint8Array {
  const stem = memberStem(key);
  const members = Object.entries(tensors).map(([name, t]): [string, Uint8Array] => {
    return [`${stem}.${name}.npy`, encodeNpy(widened(t))];
  });
  const json = new TextEncoder().encode(JSON.stringify({ key, ...fields }));
  return concatBytes([[`${stem}.json`, json] as const, ...members].flatMap(member));
}

/** A file of an archive: a header, the content, and what fills its last block. */
function member([name, bytes]: readonly [string, Uint8Array]): Uint8Array[] {
  const long = new TextEncoder().encode(name).length > NAME_BYTES;
  const parts = [header(long ? "long" : name, bytes.length, "0"), ...padded(bytes)];
  if (!long) return parts;
  const record = paxRecord(`path=${name}\n`);
  return [header("pax", record.length, "x"), ...padded(record), ...parts];
}

/** A record of pax, which begins with its own length. */
function paxRecord(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text).length + 1;
  let length = bytes + String(bytes).length;
  if (String(length).length + bytes !== length) length = bytes + String(length).length;
  return new TextEncoder().encode(`${length} ${text}`);
}

function padded(bytes: Uint8Array): Uint8Array[] {
  return [bytes, new Uint8Array(-bytes.length & (BLOCK - 1))];
}

/** A header of ustar; owner and time are always the same, so that equal records are equal bytes. */
function header(name: string, size: number, type: "0" | "x"): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0") + "\0";
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put(" ".repeat(8), 148);
  put(type, 156);
  put("ustar\x0000", 257);
  put(octal(block.reduce((sum, byte) => sum + byte, 0), 6) + " ", 148);
  return block;
}
