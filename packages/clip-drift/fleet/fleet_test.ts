import assert from "node:assert/strict";
import type { CameraSetting } from "./cameras_file.ts";
import { Fleet } from "./fleet.ts";

const camera = (name: string, maxFps: number): CameraSetting => ({
  ...{ name, spec: `/${name}` },
  own: { maxFps },
});

async function until(isIt: () => boolean): Promise<void> {
  while (!isIt()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A fleet whose cameras go on until their signal, and what happened to them. */
function recorded(signal: AbortSignal) {
  const log: string[] = [];
  const fleet = new Fleet(async ({ name, own }, ended) => {
    log.push(`+${name}${own.maxFps}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    if (ended.aborted) resolve();
    ended.addEventListener("abort", () => resolve());
    await promise;
    // Closing takes a while.
    await new Promise((resolve) => setTimeout(resolve, 1));
    log.push(`-${name}${own.maxFps}`);
    return name !== "broken";
  }, signal);
  return { fleet, log };
}

Deno.test("cameras are begun, ended, and begun anew once they have ended; others go on", async () => {
  const ending = new AbortController();
  const { fleet, log } = recorded(ending.signal);
  fleet.take([camera("a", 1), camera("b", 1), camera("c", 1)]);
  await until(() => log.length === 3);
  fleet.take([camera("a", 1), camera("b", 2), camera("d", 1)]);
  await until(() => log.length === 7);
  assert.deepEqual(log.slice(0, 3), ["+a1", "+b1", "+c1"]);
  assert.deepEqual(log.slice(3).sort(), ["+b2", "+d1", "-b1", "-c1"]);
  assert.ok(log.indexOf("-b1") < log.indexOf("+b2"), `${log}`);
  ending.abort();
  assert.equal(await fleet.settled(), true);
  assert.deepEqual(log.slice(7).sort(), ["-a1", "-b2", "-d1"]);
});

Deno.test("a camera that is changed again before it was begun anew is begun once", async () => {
  const ending = new AbortController();
  const { fleet, log } = recorded(ending.signal);
  fleet.take([camera("a", 1)]);
  await until(() => log.includes("+a1"));
  for (const maxFps of [2, 3]) fleet.take([camera("a", maxFps)]);
  await until(() => log.includes("+a3"));
  ending.abort();
  await fleet.settled();
  assert.deepEqual(log, ["+a1", "-a1", "+a3", "-a3"]);
});

Deno.test("one camera that fails is remembered to the end", async () => {
  const ending = new AbortController();
  const { fleet, log } = recorded(ending.signal);
  fleet.take([camera("broken", 1), camera("a", 1)]);
  await until(() => log.length === 2);
  fleet.take([camera("a", 1)]);
  ending.abort();
  assert.equal(await fleet.settled(), false);
});
