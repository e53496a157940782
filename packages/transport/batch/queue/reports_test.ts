import assert from "node:assert/strict";
import { join } from "node:path";
import { folderStore } from "../output/output_store.ts";
import { ReportNames, reportsOf } from "./reports.ts";

Deno.test("names of reports are those in the folder, of each job its own", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const names = [
      "jobs/00000001-0.try1-0000000a.json",
      "jobs/00000001-3.try2-ffffffff.failed.json",
      "jobs/00000001-3.try11-80000000.json",
      "jobs/00000001-3.try3-00000000.failed.json",
      "jobs/00000001-70000.try1-12345678.failed.json",
      "jobs/abcdef01-3.try1-9abcdef0.json",
    ];
    await Deno.mkdir(join(folder, "jobs"));
    for (const name of names) await Deno.writeTextFile(join(folder, name), "");
    await Deno.writeTextFile(join(folder, "jobs/notes.json"), "");
    const store = await folderStore(folder);
    const reports = await ReportNames.read(store);
    for (const job of ["00000001-0", "00000001-3", "00000001-70000", "abcdef01-3"]) {
      const expected = names.filter((name) => name.startsWith(`jobs/${job}.`)).sort();
      assert.deepEqual([...reports.of(job)].sort(), expected);
      assert.deepEqual([...await reportsOf(store, job)].sort(), expected);
    }
    for (const job of ["00000001-1", "00000001-7", "00000001-70001", "abcdef02-3"]) {
      assert.deepEqual(reports.of(job), []);
      assert.deepEqual(await reportsOf(store, job), []);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
