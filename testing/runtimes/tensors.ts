/** Reads what NumPy and Python's safetensors wrote, and writes it again. */
import { convertTensor } from "@vcs/transport/portable";
import { encodeNpy, npyStream, readNpy, streamNpy } from "@vcs/transport/npy";
import { encodeNpz, NpzReader, readNpz } from "@vcs/transport/npz";
import { encodeSafetensors, readSafetensors, streamSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor, tensorBytes } from "@vcs/transport/tensor";
import { digest, type Entry, type Read, same } from "./check.ts";

const FOLDER = "packages/transport/testdata/";

async function summary(tensors: ReadonlyMap<string, Tensor>): Promise<unknown> {
  const rows = [...tensors].map(async ([name, t]) =>
    `${name} ${t.dtype} [${t.shape}] ${await digest(tensorBytes(t))}`
  );
  return await Promise.all(rows);
}

async function halves(read: Read): Promise<unknown> {
  const half = readNpy(await read(`${FOLDER}numpy_f16.npy`)) as Tensor<"F16">;
  same(half.dtype, "F16", "dtype");
  const wide = convertTensor(half, "F32");
  const again = convertTensor(wide, "F16");
  same([...tensorBytes(again)], [...tensorBytes(half)], "half precision to single and back");
  const parts: Tensor[] = [];
  const [, ...rest] = half.shape;
  for await (const part of streamNpy(npyStream(half, [half]), 1)) parts.push(part);
  same(parts.map((part) => part.shape), Array(half.shape[0]).fill([1, ...rest]), "rows");
  const tenth = convertTensor(tensor("F64", [2], Float64Array.of(0.1, -7e4)), "F16");
  return { numbers: [...wide.data], tenth: [...tensorBytes(tenth)] };
}

async function archives(read: Read): Promise<unknown> {
  const deflated = await readNpz(await read(`${FOLDER}numpy_deflated.npz`));
  const packed = await encodeNpz(deflated, { compress: true });
  same(await summary(await readNpz(packed)), await summary(deflated), "deflated and inflated");
  const reader = await NpzReader.open(await read(`${FOLDER}numpy_stored.npz`));
  const infos = await Promise.all(reader.names.map((name) => reader.info(name)));
  reader.close();
  return { deflated: await summary(deflated), infos };
}

async function safetensors(read: Read): Promise<unknown> {
  const bytes = await read(`${FOLDER}python.safetensors`);
  const { tensors, metadata } = readSafetensors(bytes);
  const written = encodeSafetensors(tensors, Object.fromEntries(metadata));
  const names: string[] = [];
  for await (const [name] of streamSafetensors(new Blob([written]).stream())) names.push(name);
  return { tensors: await summary(tensors), metadata: [...metadata], names };
}

/** Elsewhere than in Deno a path is refused in words, not by what happens to be missing. */
async function paths(): Promise<void> {
  if ("Deno" in globalThis) return;
  const message = await readNpz("x.npz").then(() => "", (error) => String(error));
  same(/files are opened by Deno alone/.test(message), true, message);
}

const run: Entry = async (read) => {
  await paths();
  return {
    halves: await halves(read),
    archives: await archives(read),
    safetensors: await safetensors(read),
    npy: await digest(encodeNpy(tensor("I64", [2], BigInt64Array.of(-1n, 2n ** 60n)))),
  };
};

export default run;
