import { browserTest, withPage } from "#testing/browser.ts";
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { indexPage } from "./index_page.ts";
import { drawScene, SCENE } from "./scene.ts";

const clip = fileURLToPath(new URL("./clip.mp4", import.meta.url));

Deno.test("the committed clip is the film that the scene draws", async () => {
  const { size } = await Deno.stat(clip);
  assert.ok(size < 500_000, `${size} bytes`);
  await using video = await VideoReader.open(clip);
  const { width, height, frameCount, fps } = video.info;
  assert.deepEqual({ width, height, fps, frames: frameCount }, SCENE);
  const frame = await video.frameAt(0);
  const [drawn] = drawScene();
  let sum = 0;
  drawn!.forEach((value, n) => sum += (value - frame.data[n]!) ** 2);
  const deviation = Math.sqrt(sum / drawn!.length);
  assert.ok(deviation < 8, `the first frame differs by ${deviation} of 255`);
});

browserTest("the demo's page links what each step made, on a telephone too", async () => {
  const step = {
    name: "some <step>",
    summary: "One sentence.",
    run: () => Promise.resolve([]),
  };
  const results = [{ href: "some/page.html", label: "What it & that made" }];
  const url = `data:text/html,${encodeURIComponent(indexPage([{ step, results }]))}`;
  await withPage(url, async (page) => {
    assert.equal(await page.textContent("h2"), "some <step>");
    assert.equal(await page.getAttribute("li a", "href"), "some/page.html");
    assert.equal(await page.textContent("li a"), "What it & that made");
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
  }, { width: 390 });
});
