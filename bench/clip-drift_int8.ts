/**
 * int8 beside fp32 on this processor, in one run: cosines of a full-size ViT-B/32's embeddings, with
 * and without outlier channels, and times of the model. Kept as `int8` in
 * `bench/results/clip-drift.json`.
 *
 * @module
 */
import { cpus } from "node:os";
import { hasExactSignedProducts } from "@vcs/onnx/internal";
import type { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { exactForms, int8Cosines, openTower, OUTLIER_SCALES } from "#testing/int8_cosine.ts";

const ROUNDS = 30;
const round = (x: number, digits: number) => Number(x.toPrecision(digits));
const forms = await exactForms();

/** Least milliseconds of each model on one image; the models take turns. */
async function leastTimes(sessions: ReadonlyMap<string, Session>): Promise<Record<string, number>> {
  const pixels = tensor("U8", [1, 224, 224, 3]);
  const least: Record<string, number> = {};
  for (let i = 0; i < ROUNDS; i++) {
    for (const [name, session] of sessions) {
      // The first run brings the weights back into the caches.
      await session.run({ pixels });
      const start = performance.now();
      await session.run({ pixels });
      least[name] = round(Math.min(performance.now() - start, least[name] ?? Infinity), 3);
    }
  }
  return least;
}

async function times(threads: number): Promise<Record<string, number>> {
  const folder = await Deno.makeTempDir();
  using stack = new DisposableStack();
  stack.defer(() => Deno.removeSync(folder, { recursive: true }));
  const sessions = new Map<string, Session>();
  const open = async (name: string, options: Parameters<typeof openTower>[1]) =>
    sessions.set(name, stack.use(await openTower(`${folder}/${name}`, options, { threads })));
  await open("fp32", { precision: "fp32" });
  for (const weightForm of forms) await open(weightForm, { precision: "int8", weightForm });
  return await leastTimes(sessions);
}

const measure = await int8Cosines();
const cosines = [];
for (const form of forms) {
  for (const scale of OUTLIER_SCALES) {
    const { mean, least } = await measure(form, scale);
    cosines.push({ form, scale, mean: round(mean, 6), least: round(least, 6) });
  }
}
const path = new URL("results/clip-drift.json", import.meta.url);
const int8 = {
  processor: cpus()[0]?.model,
  exact_signed_products: await hasExactSignedProducts(),
  cosines,
  ms: { threads_1: await times(1), threads_2: await times(2) },
};
const record = { ...JSON.parse(await Deno.readTextFile(path)), int8 };
await Deno.writeTextFile(path, `${JSON.stringify(record, null, 2)}\n`);
