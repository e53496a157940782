import assert from "node:assert/strict";
import { join } from "node:path";
import { removeOldRuns } from "./retention.ts";

const DAY = 86_400_000;

/** A folder whose files were written some days ago. */
async function folder(root: string, name: string, files: Record<string, number>): Promise<void> {
  await Deno.mkdir(join(root, name));
  for (const [file, days] of Object.entries(files)) {
    const path = join(root, name, file);
    await Deno.writeTextFile(path, "");
    await Deno.utime(path, new Date(), new Date(Date.now() - days * DAY));
  }
}

Deno.test("runs to which nothing was written for so long go, and nothing else", async () => {
  const root = await Deno.makeTempDir();
  await folder(root, "20200101_000000", { "config.json": 40, "drift.csv": 31 });
  // Begun long ago, and still written.
  await folder(root, "20200102_000000", { "config.json": 40, "drift.csv": 0 });
  await folder(root, "20200103_000000", { "config.json": 40, "drift.csv": 29 });
  // Somebody put something of their own there.
  await folder(root, "20200104_000000", { "config.json": 40, "notes.txt": 40 });
  await folder(root, "holiday", { "config.json": 40 });
  await folder(root, "20200105_000000", {});
  const elsewhere = await Deno.makeTempDir();
  await folder(elsewhere, "run", { "config.json": 40 });
  await Deno.symlink(join(elsewhere, "run"), join(root, "20200106_000000"));
  assert.deepEqual(await removeOldRuns(root, 30), ["20200101_000000"]);
  const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
  assert.deepEqual(names.sort(), [
    ...["20200102_000000", "20200103_000000", "20200104_000000", "20200105_000000"],
    ...["20200106_000000", "holiday"],
  ]);
  assert.deepEqual(await removeOldRuns(join(root, "none"), 30), []);
  for (const path of [root, elsewhere]) await Deno.remove(path, { recursive: true });
});
