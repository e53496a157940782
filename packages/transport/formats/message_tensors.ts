/**
 * Messages whose payload is a safetensors file, for tensors with names, types and shapes.
 *
 * @example An embedding with its norm
 * ```ts
 * import { messageTensors, tensorMessage } from "@vcs/transport";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const embedding = tensor("F32", [1, 4], new Float32Array([1, 2, 3, 4]));
 * const sent = tensorMessage({ embedding }, { sequence: 3 });
 * assert.deepEqual(messageTensors(sent).get("embedding"), embedding);
 * ```
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { type Message, message } from "../message.ts";
import { encodeSafetensors, readSafetensors } from "../safetensors.ts";
import type { Tensor } from "../tensor.ts";

/** Makes a message of named tensors. */
export function tensorMessage(
  tensors: Readonly<Record<string, Tensor>>,
  fields: Partial<Omit<Message, "payload" | "format">> = {},
): Message {
  return message(encodeSafetensors(tensors), { ...fields, format: "safetensors" });
}

/**
 * The tensors of a message, as views of its payload where they are aligned.
 *
 * @throws {TransportError} `format` where the payload is not a safetensors file.
 */
export function messageTensors({ format, payload }: Message): ReadonlyMap<string, Tensor> {
  if (format === "safetensors") return readSafetensors(payload).tensors;
  throw new TransportError("format", `Cannot read tensors: the payload's format is ${format}`);
}
