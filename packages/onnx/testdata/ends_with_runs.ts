/**
 * Ends while several runs of a session are under way, as its first argument says: by an error
 * (`throw`), by `Deno.exit(3)` (`exit`), or with a worker that is terminated (`worker`).
 */
import { tensor } from "@vcs/transport/tensor";
import { GraphBuilder } from "../graph.ts";
import { modelBytes } from "../graph/model.ts";
import { Session } from "../session.ts";

const SIZE = 700;

async function startRuns(): Promise<void> {
  const g = new GraphBuilder("long");
  const w = g.weight("w", tensor("F32", [SIZE, SIZE]));
  let x = g.input("x", "F32", [SIZE, SIZE]);
  for (let layer = 0; layer < 20; layer++) x = g.matmul(x, w);
  g.output("y", x);
  const session = await Session.open(await modelBytes(g), { device: "cpu" });
  for (let i = 0; i < 4; i++) void session.run({ x: tensor("F32", [SIZE, SIZE]) });
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
