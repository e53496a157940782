/** Reading, writing and converting tensors, beside copying the same bytes. */
import { encodeNpy, readNpy } from "@vcs/transport/npy";
import { encodeNpz, readNpz } from "@vcs/transport/npz";
import { encodeSafetensors, readSafetensors, SafetensorsReader } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { convertTensor, fromBfloat16, toBfloat16 } from "@vcs/transport";
import { packStrided } from "@vcs/transport/internal";
import { onlyCpu } from "./devices.ts";
import { sized } from "./quick.ts";

onlyCpu();

const SIDE = sized(2048, 512);
const COUNT = SIDE * SIDE;
const SIZE = `${COUNT >> 18} MB`;
const values = Float32Array.from({ length: COUNT }, (_, i) => Math.sin(i));
const big = tensor("F32", [SIDE, SIDE], values);
const bytes = new Uint8Array(values.buffer);

const safetensors = encodeSafetensors({ big });
const npy = encodeNpy(big);
const npz = await encodeNpz({ big });
const many = encodeSafetensors(
  new Map<string, Tensor>(
    Array.from({ length: 1000 }, (_, i) => [`layer.${i}.weight`, tensor("F32", [8])]),
  ),
);
const path = await Deno.makeTempFile();
await Deno.writeFile(path, safetensors);
globalThis.addEventListener("unload", () => Deno.removeSync(path));

const write = { group: `write ${SIZE}` };
Deno.bench("copy", { ...write, baseline: true }, () => void bytes.slice());
Deno.bench("encodeSafetensors", write, () => void encodeSafetensors({ big }));
Deno.bench("encodeNpy", write, () => void encodeNpy(big));
Deno.bench("encodeNpz, stored", write, async () => void await encodeNpz({ big }));

const read = { group: `read ${SIZE}` };
Deno.bench("copy", { ...read, baseline: true }, () => void bytes.slice());
Deno.bench("readSafetensors (a view)", read, () => void readSafetensors(safetensors));
Deno.bench("readNpy (a view)", read, () => void readNpy(npy));
Deno.bench("readNpz, stored, with its CRC-32", read, async () => void await readNpz(npz));

const file = { group: `${SIZE} from a file` };
Deno.bench(
  "Deno.readFile",
  { ...file, baseline: true },
  async () => void await Deno.readFile(path),
);
Deno.bench("SafetensorsReader, one tensor", file, async () => {
  using reader = await SafetensorsReader.open(path);
  await reader.read("big");
});

const header = { group: "header of 1000 tensors" };
const json = new TextDecoder().decode(
  many.subarray(8, 8 + Number(new DataView(many.buffer).getBigUint64(0, true))),
);
Deno.bench("JSON.parse", { ...header, baseline: true }, () => void JSON.parse(json));
Deno.bench("readSafetensors, all checks", header, () => void readSafetensors(many));

const convert = { group: `convert ${COUNT / 2 ** 20} M numbers` };
const brain = toBfloat16(values);
const half = convertTensor(big, "F16");
Deno.bench(
  "Float64Array of Float32Array",
  { ...convert, baseline: true },
  () => void new Float64Array(values),
);
Deno.bench("F32 to BF16", convert, () => void toBfloat16(values));
Deno.bench("BF16 to F32", convert, () => void fromBfloat16(brain));
Deno.bench("F32 to F16", convert, () => void convertTensor(big, "F16"));
Deno.bench("F16 to F32", convert, () => void convertTensor(half, "F32"));
Deno.bench(`transpose ${SIDE} x ${SIDE}`, convert, () => {
  packStrided("F32", [SIDE, SIDE], [1, SIDE], bytes);
});
