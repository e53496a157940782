import { browserTest, withPage } from "#testing/browser.ts";
import { decodeImage } from "@vcs/media/image";
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { patchStream } from "../patch_stream.ts";
import { renderView } from "./render_view.ts";
import type { PatchStreamResult } from "../session.ts";

const clip = fileURLToPath(new URL("../../../apps/demo/clip.mp4", import.meta.url));

/** Makes a page and opens it at a width. */
async function withView(
  width: number,
  fn: (page: Page, result: PatchStreamResult) => Promise<void>,
): Promise<void> {
  const config = { sequenceLength: 4, kKeep: 300, keyFrames: "first" } as const;
  using session = await patchStream({ videoPath: clip, ...config });
  const result = session.collect();
  const file = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(
      file,
      await renderView(result, { title: "clip.mp4", source: clip }, config),
    );
    await withPage(pathToFileURL(file), async (page) => {
      await page.waitForSelector("body[data-ready]");
      await fn(page, result);
    }, { width });
  } finally {
    await Deno.remove(file);
  }
}

/** Mean brightness of each patch of the large image, as it is seen. */
async function brightness(page: Page, gridW: number, gridH: number): Promise<number[]> {
  const png = await page.locator("#large").screenshot();
  const { width, height, data } = await decodeImage(new Uint8Array(png));
  return Array.from({ length: gridW * gridH }, (_, cell) => {
    const x = Math.floor((cell % gridW + 0.5) * width / gridW);
    const y = Math.floor((Math.floor(cell / gridW) + 0.5) * height / gridH);
    const at = 3 * (y * width + x);
    return (data[at]! + data[at + 1]! + data[at + 2]!) / 3;
  });
}

browserTest("the page shows kept patches bright and the rest dimmed", async () => {
  await withView(1280, async (page, { grid, metadata }) => {
    await page.keyboard.press("ArrowLeft");
    const text = await page.textContent("#caption");
    const place = Number(text?.match(/sample (\d)/)?.[1]) - 1;
    const kept = new Set(
      metadata.filter(({ seqPos }) => seqPos === place)
        .map(({ patchLinearIdx }) => patchLinearIdx % (grid.gridW * grid.gridH)),
    );
    const dimmed = await brightness(page, grid.gridW, grid.gridH);
    await page.getByText("Frame", { exact: true }).click();
    const plain = await brightness(page, grid.gridW, grid.gridH);
    dimmed.forEach((value, cell) => {
      if (kept.has(cell)) assert.ok(Math.abs(value - plain[cell]!) < 6, `patch ${cell}`);
      else assert.ok(value < 0.25 * plain[cell]! + 12, `patch ${cell}`);
    });
    assert.ok(kept.size > 0);
  });
});

browserTest("the page shows counts and energy", async () => {
  await withView(1280, async (page, { metadata }) => {
    const counts = await page.locator("figcaption b").allTextContents();
    const expected = [0, 1, 2, 3].map((place) =>
      String(metadata.filter(({ seqPos }) => seqPos === place).length)
    );
    assert.deepEqual(counts, expected);
    assert.equal(await page.locator("#axis .mark").count(), 4);
    await page.getByText("Energy", { exact: true }).click();
    await page.locator("#large").hover({ position: { x: 40, y: 40 } });
    assert.match(
      await page.textContent("#probe") ?? "",
      /row \d, column \d · energy [\d.]+ of 196/,
    );
    await page.locator("figure").first().click();
    assert.match(await page.textContent("#caption") ?? "", /sample 1 of 4 key frame/);
  });
});

browserTest("the page fits a telephone", async () => {
  await withView(390, async (page) => {
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
    const box = await page.locator("#large").boundingBox();
    assert.ok(box && box.width > 300 && box.width <= 390);
  });
});

Deno.test("what a name holds cannot become markup", async () => {
  using session = await patchStream({ videoPath: clip, sequenceLength: 1, kKeep: 4 });
  const { viewPage } = await import("./view.ts");
  const title = "</script><script>alert(1)</script>.mp4";
  const page = viewPage(session.collect(), {
    title,
    settings: title,
    images: [new Uint8Array(1)],
  });
  assert.ok(!page.includes("<script>alert"));
});
