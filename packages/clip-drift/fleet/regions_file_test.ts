import assert from "node:assert/strict";
import { type Clock, systemClock } from "@vcs/transport";
import { writeWhole } from "@vcs/transport/internal";
import { parsePolygon } from "../measures/regions.ts";
import { doubtOf, latestOfBoth, readRegions, RegionsFile, withRegions } from "./regions_file.ts";

/** Looks are made as quickly as the machine can. */
const QUICK: Clock = {
  now: () => systemClock.now(),
  sleep: (_, signal) => systemClock.sleep(1, signal),
};
const HALF = parsePolygon("0,0 0.5,0 0.5,1 0,1");
const CORNER = parsePolygon("0,0 0.25,0 0.25,0.5");

Deno.test("withRegions() takes a file's regions before the camera's own, and its own before all cameras'", () => {
  const settings = { roi: [], mask: [CORNER] };
  const door = { name: "door", spec: "http://door/", own: {} };
  const file = { door: { roi: [HALF], mask: [] } };
  assert.deepEqual(withRegions(door, settings, file).regions, file.door);
  assert.deepEqual(withRegions(door, settings, {}).regions, settings);
  const own = { ...door, own: { mask: [HALF] } };
  assert.deepEqual(withRegions(own, settings, {}).regions, { roi: [], mask: [HALF] });
  assert.equal("regions" in withRegions(door, { roi: [], mask: [] }, {}), false);
});

Deno.test("doubtOf() names a file that is not there, and cameras that nobody watches", async () => {
  const path = await Deno.makeTempFile();
  const cameras = [{ name: "door", spec: "http://door/", own: {} }];
  const regions = { roi: [HALF], mask: [] };
  assert.equal(await doubtOf(path, { door: regions }, cameras), undefined);
  const told = await doubtOf(path, { door: regions, dor: regions }, cameras);
  assert.match(told ?? "", /has regions of no camera here: dor$/);
  await Deno.remove(path);
  assert.match(await doubtOf(path, {}, cameras) ?? "", /does not exist yet/);
});

Deno.test("latestOfBoth() goes on with what each said last, until both have ended", async () => {
  async function* of<T>(...values: T[]): AsyncGenerator<T, void> {
    for (const value of values) yield await Promise.resolve(value);
  }
  const found = await Array.fromAsync(latestOfBoth(of(1, 2), of("a")));
  assert.deepEqual(found, [[1, "a"], [2, "a"]]);
  assert.deepEqual(await Array.fromAsync(latestOfBoth(of("a"), of(1, 2))), [["a", 1], ["a", 2]]);
});

Deno.test("readRegions() finds none where there is no file yet, refuses what is none, and reads again", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.remove(path);
    const ended = new AbortController();
    const lines: string[] = [];
    const options = {
      signal: ended.signal,
      say: (line: string) => void lines.push(line),
      clock: QUICK,
    };
    const states = readRegions(path, options);
    assert.deepEqual((await states.next()).value, {});
    await writeWhole(path, JSON.stringify({ cameras: { door: { mask: [CORNER] } } }));
    assert.deepEqual((await states.next()).value, { door: { roi: [], mask: [CORNER] } });
    await writeWhole(path, "{}}");
    await assert.rejects(readRegions(path, options).next(), {
      name: "UsageError",
      message: /JSON/,
    });
    ended.abort();
    assert.equal((await states.next()).done, true);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
});

Deno.test("RegionsFile creates its file, keeps the others' regions, and refuses what is none", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const file = new RegionsFile(path);
  try {
    assert.equal(await file.of("door"), undefined);
    const regions = { roi: [HALF], mask: [] };
    await Promise.all([file.save("door", regions), file.save("yard", { mask: [CORNER] })]);
    assert.deepEqual(await file.of("door"), regions);
    assert.deepEqual(await file.of("yard"), { roi: [], mask: [CORNER] });
    const all = [[0, 0], [1, 0], [1, 1], [0, 1]];
    await assert.rejects(file.save("door", { mask: [all] }), { name: "SyntaxError" });
    await file.save("yard", {});
    assert.deepEqual(await file.of("door"), regions);
    await Deno.writeTextFile(path, "not ours");
    await assert.rejects(file.save("door", regions), { name: "SyntaxError", message: /JSON/ });
    assert.equal(await Deno.readTextFile(path), "not ours");
  } finally {
    await Deno.remove(path);
  }
});
