/**
 * Whether a device really computes: a tiny product of matrices is run on it and the result is
 * looked at. Drivers that are too old, missing libraries of a vendor and the like show only then.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { GraphBuilder } from "../graph.ts";
import { modelBytes } from "../graph/model.ts";
import { cString, type Runtime } from "./ort.ts";
import { type Provider, sessionOptions } from "./providers.ts";
import { RunMemory } from "./run_memory.ts";

const SIZE = 8;

/** `y = x · w`, all elements of w 0.5. */
async function tinyModel(): Promise<Uint8Array> {
  const g = new GraphBuilder("probe");
  const w = tensor("F32", [SIZE, SIZE], new Float32Array(SIZE * SIZE).fill(0.5));
  g.output("y", g.matmul(g.input("x", "F32", [1, SIZE]), g.weight("w", w)));
  return await modelBytes(g);
}

async function runOnce(runtime: Runtime, session: Deno.PointerObject): Promise<Float32Array> {
  const doing = "run a tiny model on the device";
  const y = tensor("F32", [1, SIZE]);
  const x = tensor("F32", [1, SIZE], new Float32Array(SIZE).fill(2));
  using memory = new RunMemory(runtime);
  const inputs = memory.pointers([memory.wrap(x, doing)]);
  const outputs = memory.pointers([memory.wrapOutput(y, doing)]);
  const [inputNames, outputNames] = ["x", "y"].map((name) =>
    memory.pointers([Deno.UnsafePointer.of(memory.place(cString(name)))])
  ) as [BigUint64Array<ArrayBuffer>, BigUint64Array<ArrayBuffer>];
  const call = [session, null, inputNames, inputs, 1n, outputNames, 1n, outputs] as const;
  await runtime.callAsync("run", "device-unavailable", doing, ...call);
  memory.copyOutputs();
  return y.data;
}

/** Opens the tiny model on a device, runs it, and closes it again. */
async function compute(runtime: Runtime, provider: Provider): Promise<Float32Array> {
  using memory = new RunMemory(runtime);
  const model = memory.place(await tinyModel());
  const options = sessionOptions(runtime, provider, { threads: 1 });
  const session = memory.pointers([null]);
  const opened = () => Deno.UnsafePointer.create(session[0]!);
  try {
    const call = [runtime.env, model, BigInt(model.length), options, session] as const;
    const doing = "open a tiny model on the device";
    await runtime.callAsync("createSessionFromArray", "device-unavailable", doing, ...call);
    return await runOnce(runtime, opened()!);
  } finally {
    runtime.release("session", opened());
    runtime.release("sessionOptions", options);
  }
}

/** Why a device does not work, or undefined where it does. */
export async function findFault(runtime: Runtime, provider: Provider): Promise<string | undefined> {
  try {
    const y = await compute(runtime, provider);
    const wrong = y.find((v) => v !== SIZE);
    return wrong === undefined ? undefined : `it computed ${wrong} in place of ${SIZE}`;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}
