import assert from "node:assert/strict";
import { join } from "node:path";
import type { Fault } from "./faults/fault.ts";
import { PACKAGES, ROOT } from "./house.ts";
import { faultsOf, place, sourcesBelow, testsOf } from "./mutate.ts";

/** Why a fault cannot be tried; undefined where it can. */
async function staleness(fault: Fault, sources: readonly string[]): Promise<string | undefined> {
  const faulty = await place(fault, sources);
  if (faulty === undefined) return "its text does not stand in one place";
  if (faulty.changed === faulty.original) return "it changes nothing";
  if (fault.tests.length === 0) return "it names no tests";
  return testsOf(fault, sources) ? undefined : `one of ${fault.tests} is not one file`;
}

for (const name of PACKAGES) {
  Deno.test(`mutate: every fault of ${name} has its one place and its tests`, async () => {
    const sources = await Array.fromAsync(sourcesBelow(join(ROOT, "packages", name)));
    const faults = await faultsOf(name);
    assert.ok(faults.length >= 12, `${faults.length} faults`);
    for (const fault of faults) {
      const stale = await staleness(fault, sources);
      assert.equal(stale, undefined, `${fault.file}: ${fault.means}: ${stale}`);
    }
  });
}

Deno.test("mutate: text in no place or in two, and tests that are not there, are found out", async () => {
  const sources = await Array.fromAsync(sourcesBelow(join(ROOT, "packages/transport")));
  const fault = (await faultsOf("transport"))[0]!;
  assert.equal(await staleness(fault, sources), undefined);
  const stale = (changes: Partial<Fault>) => staleness({ ...fault, ...changes }, sources);
  for (const changes of [{ file: "gone.ts" }, { find: "no such text" }, { find: "return" }]) {
    assert.match(await stale(changes) ?? "", /one place/);
  }
  assert.match(await stale({ put: fault.find }) ?? "", /changes nothing/);
  assert.match(await stale({ tests: [...fault.tests, "gone_test.ts"] }) ?? "", /gone_test/);
});
