import assert from "node:assert/strict";
import { TransportError } from "../errors.ts";
import { decodeMessage, encodeMessage, message } from "../message.ts";
import { messageTensors, tensorMessage } from "./message_tensors.ts";
import { tensor } from "../tensor.ts";

Deno.test("message_tensors: tensors cross an envelope as views", () => {
  const a = tensor("F64", [2], new Float64Array([1, 2]));
  const b = tensor("U8", [3], new Uint8Array([1, 2, 3]));
  const received = decodeMessage(encodeMessage(tensorMessage({ a, b }, { pts: 2, key: true })));
  assert.equal(received.pts, 2);
  const tensors = messageTensors(received);
  assert.deepEqual(tensors.get("a"), a);
  assert.deepEqual(tensors.get("b"), b);
  assert.equal(tensors.get("a")?.data.buffer, received.payload.buffer);
});

Deno.test("message_tensors: other payloads are refused", () => {
  const isFormat = (e: unknown) => e instanceof TransportError && e.code === "format";
  assert.throws(() => messageTensors(message(new Uint8Array(8))), isFormat);
});
