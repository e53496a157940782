import { message } from "@vcs/transport/message";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { VideoVqError } from "../errors.ts";
import type { TokenWindow } from "./payload.ts";
import { tokensFromPacked } from "./tokens.ts";
import { messageWindow, PAYLOAD_FORMS, windowMessage } from "./window_message.ts";

const shape = { channels: 18, frames: 5, height: 2, width: 2 };
const packed = Uint8Array.from({ length: 45 }, (_, i) => i * 11);
const sample: TokenWindow = {
  tokens: tokensFromPacked(packed, shape),
  validFrames: 16,
  width: 16,
  height: 16,
  frameRate: [25, 1],
  times: Array.from({ length: 17 }, (_, i) => 3 + i / 25),
  capturedAt: 1_700_000_000_000,
  encodeSeconds: 0.5,
  sentAt: 1_700_000_000_500,
};
const fields = {
  streamId: "00000000000000aa",
  modelId: "00000000000000bb",
  sequence: 4,
  key: true,
  end: false,
  afterDrop: false,
};

Deno.test("window message: every form carries every field", () => {
  for (const form of PAYLOAD_FORMS) {
    assert.deepEqual(messageWindow(windowMessage(sample, fields, form)), sample, form);
  }
});

Deno.test("window message: bare tensors of other programs are full windows", () => {
  const quant = tensor("F32", [1, 18, 5, 2, 2], new Float32Array(360).fill(1));
  const indices = tensor("I64", [5, 2, 2], new BigInt64Array(20).fill(2n ** 18n - 1n));
  for (const found of [quant, indices] as Tensor[]) {
    const payload = encodeSafetensors({ any: found });
    const window = messageWindow(message(payload, { format: "safetensors", pts: 2 }));
    assert.deepEqual([window.validFrames, window.width, window.times[0]], [17, 16, 2]);
    assert.equal(window.tokens.packed[0], 255);
  }
});

Deno.test("window message: tensors that are not tokens are refused by name", () => {
  const bad = [
    { a: tensor("F32", [3]) },
    { a: tensor("F32", [1, 18, 5, 2, 2]) },
    { a: tensor("I32", [5, 2, 2]), b: tensor("I32", [1]) },
    { a: tensor("U8", [45]) },
  ];
  for (const tensors of bad) {
    const payload = encodeSafetensors(tensors as Record<string, Tensor>);
    assert.throws(() => messageWindow(message(payload, { format: "safetensors" })), {
      code: "bad-window",
    });
  }
});

Deno.test("window message: damaged tensors are a typed error or well-formed tokens", () => {
  for (const form of ["quant", "indices"] as const) {
    const { payload } = windowMessage(sample, fields, form);
    for (const bad of mutations(payload, 400)) {
      try {
        const window = messageWindow(message(bad, { format: "safetensors" }));
        assert.equal(window.times.length, window.validFrames + 1);
      } catch (error) {
        assert(error instanceof VideoVqError, String(error));
      }
    }
  }
});
