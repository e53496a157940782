import assert from "node:assert/strict";
import { findPython } from "#testing/python.ts";
import { whereThere } from "#testing/shared.ts";
import { TransportError } from "../errors.ts";
import { encodePt } from "./pt.ts";
import { type Tensor, tensor } from "../tensor.ts";

const python = findPython("torch");

Deno.test({
  // PyTorch is too large to be asked of CI.
  ...whereThere("pt: torch.load(weights_only=True) opens what we write", {
    PyTorch: python !== undefined,
  }),
  async fn() {
    const directory = await Deno.makeTempDir();
    const scalar = tensor("F64", [], new Float64Array([2.5]));
    const x = tensor("F32", [2, 3], new Float32Array([1, 2, 3, 4, 5, 6]));
    const y = tensor("I64", [2], new BigInt64Array([-1n, 2n ** 40n]));
    const z = tensor("BOOL", [0, 2], new Uint8Array(0));
    Deno.writeFileSync(`${directory}/one.pt`, encodePt(x));
    Deno.writeFileSync(
      `${directory}/many.pt`,
      encodePt(new Map<string, Tensor>([["a", y], ["ä", z], ["s", scalar]])),
    );
    const code = `
import torch
x = torch.load("${directory}/one.pt", weights_only=True)
assert x.dtype == torch.float32 and x.tolist() == [[1, 2, 3], [4, 5, 6]], x
d = torch.load("${directory}/many.pt", weights_only=True)
assert list(d) == ["a", "ä", "s"] and d["a"].tolist() == [-1, 2**40]
assert d["ä"].shape == (0, 2) and d["ä"].dtype == torch.bool
assert d["s"].shape == () and d["s"].item() == 2.5
assert x.is_contiguous() and x.stride() == (3, 1)
`;
    const { code: status, stderr } = await new Deno.Command(python!, { args: ["-c", code] })
      .output();
    assert.equal(status, 0, new TextDecoder().decode(stderr));
    await Deno.remove(directory, { recursive: true });
  },
});

Deno.test("pt: equal tensors make equal files, with their bytes stored as they are", () => {
  const make = () => encodePt(tensor("U8", [5], new TextEncoder().encode("hello")));
  assert.deepEqual(make(), make());
  const text = new TextDecoder("latin1").decode(make());
  for (const part of ["hello", "archive/data/0", "ctorch\nByteStorage\n"]) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("pt: dtypes that PyTorch has no storage for are refused", () => {
  const isUnsupported = (e: unknown) => e instanceof TransportError && e.code === "unsupported";
  assert.throws(() => encodePt(tensor("U64", [1])), isUnsupported);
});
