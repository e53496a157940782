/**
 * A thread of the CPU process stage: does jobs on one clip until it is ended.
 *
 * @module
 */
import { ClipWork } from "./clip_work.ts";
import type { FromWorker, Job, ToWorker } from "./worker_pool.ts";

/** The part of a worker's global scope that is used; Deno's main types do not have it. */
interface WorkerScope {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(answer: FromWorker): void;
}

const scope = globalThis as unknown as WorkerScope;
let work: ClipWork | undefined;

function run(job: Job): FromWorker {
  const start = performance.now();
  try {
    if (job.kind === "prepare") work!.prepare(job.number, job.rgb);
    else work!.measure(job.sample, job.energy);
    return { ms: performance.now() - start };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

scope.onmessage = ({ data }) => {
  if ("plan" in data) work = new ClipWork(data.plan, data.memory);
  else scope.postMessage(run(data));
};
