/**
 * Opens a model, allows this process 40 MB more than it has, and opens the model again and again, ten
 * times at most: prints what ends that. What the first opening left free may be enough for a second.
 * Takes the path of the weights and the folder of the cache.
 *
 * @module
 */
import { openEncoder } from "../encoder.ts";
import { ClipDriftError } from "../errors.ts";

const [pretrained, cache] = Deno.args as [string, string];
const open = () => openEncoder({ pretrained, cache, device: "cpu", threads: 1 });

/** Bytes that this process may write to, which `RLIMIT_DATA` counts. */
async function dataSize(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status");
  return 1024 * Number(/VmData:\s+(\d+)/.exec(status)![1]);
}

using opened = new DisposableStack();
opened.use(await open());
const limit = await dataSize() + 40e6;
const args = [`--pid=${Deno.pid}`, `--data=${limit}:${limit}`];
const { success } = await new Deno.Command("prlimit", { args }).output();
if (!success) throw new Error("Cannot limit the memory");
try {
  for (let i = 0; i < 10; i++) opened.use(await open());
  console.log("opened ten more");
} catch (error) {
  if (!(error instanceof ClipDriftError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
