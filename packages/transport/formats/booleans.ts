/**
 * Booleans as files hold them, one byte each. Readers disagree about bytes other than 0 and 1 (true
 * to one, a number to the next), so they are refused.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Gives a tensor back unless it is of booleans that are neither 0 nor 1.
 *
 * @param name of the tensor, for the message
 * @throws {TransportError} `format`
 */
export function checkBooleans(t: Tensor, name: string): Tensor {
  const at = t.dtype === "BOOL" ? (t.data as Uint8Array).findIndex((byte) => byte > 1) : -1;
  if (at < 0) return t;
  throw new TransportError(
    "format",
    `Cannot read tensor ${JSON.stringify(name)}: boolean ${at} is ${t.data[at]}, expected 0 or 1`,
  );
}
