/**
 * Ends while several runs of a session are under way, as its first argument says: by an error
 * (`throw`), by `Deno.exit(3)` (`exit`), or with a worker that is terminated (`worker`).
 */
import { packedSize } from "../stream/tokens.ts";
import { openTinyDecoder } from "../tiny/tokenizer.ts";

async function startRuns(): Promise<void> {
  const decoder = await openTinyDecoder();
  const shape = { channels: 18, frames: 5, height: 16, width: 16 };
  const tokens = { shape, packed: new Uint8Array(packedSize(shape)) };
  for (let i = 0; i < 4; i++) void decoder.decode(tokens);
  await new Promise((resolve) => setTimeout(resolve, 5));
}

if (self.name === "runs") {
  await startRuns();
  (self as unknown as { postMessage(text: string): void }).postMessage("under way");
} else if (Deno.args[0] === "worker") {
  const worker = new Worker(import.meta.url, { type: "module", name: "runs" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
} else {
  await startRuns();
  if (Deno.args[0] === "exit") Deno.exit(3);
  throw new Error("an error of the user's");
}
