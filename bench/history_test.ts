import { browserTest, openBrowser, openPage } from "#testing/browser.ts";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type HistoryLine, measureSuite } from "./history.ts";
import { historyPage, plotsOf } from "./history_page.ts";

const line = (fields: Partial<HistoryLine>): HistoryLine => ({
  ...{ commit: "a", time: "2026-01-01T00:00:00Z", machine: "one", runtime: "Deno" },
  ...{ group: "g", name: "n", median: 2e6, lower: 1e6, upper: 3e6, runs: 9, memory: 5e7 },
  ...fields,
});

Deno.test("a plot is one benchmark, a line of it one machine, its points the commits", () => {
  const plots = plotsOf([
    line({}),
    line({ name: "</script>" }),
    line({ machine: "two", commit: "b" }),
    line({ commit: "b", median: 4e6 }),
  ]);
  assert.deepEqual(plots.map(({ title }) => title), ["g: n", "g: </script>"]);
  const [first] = plots;
  assert.deepEqual(first!.lines.map(({ machine }) => machine), ["one", "two"]);
  assert.deepEqual(first!.lines[0]!.points.map(({ commit, median }) => [commit, median]), [
    ["a", 2e6],
    ["b", 4e6],
  ]);
});

Deno.test("a suite is measured as a line for each benchmark, with commit, quartiles and memory", async () => {
  const history = await measureSuite("transport_formats", 0.1, "cpu");
  assert.ok(history.length > 3);
  for (const { commit, median, lower, upper, memory, runs } of history) {
    assert.match(commit, /^[0-9a-f]{10}\+?$/);
    assert.ok(runs > 0 && lower > 0 && lower <= median && median <= upper && memory > 1e7);
  }
});

browserTest("the page draws every benchmark, also where a name looks like markup", async () => {
  const history = [line({}), line({ commit: "b", name: "n" }), line({ name: "</script><b>" })];
  const path = await Deno.makeTempFile({ suffix: ".html" });
  await Deno.writeTextFile(path, await historyPage([["media", plotsOf(history)]]));
  await using browser = await openBrowser();
  const page = await openPage(browser);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(pathToFileURL(path).href);
  assert.deepEqual(await page.locator("h3").allTextContents(), ["g: n", "g: </script><b>"]);
  assert.equal(await page.locator("canvas").count(), 2);
  assert.equal(await page.locator("section p").first().textContent(), "one: 2 ms, 50 MB");
  assert.deepEqual(errors, []);
  await Deno.remove(path);
});
