import assert from "node:assert/strict";
import { join } from "node:path";
import { browserTest, openBrowser, openPage, withPage } from "#testing/browser.ts";
import { parseRule } from "../alerts.ts";
import { serveCamera } from "../camera/camera_server.ts";
import { type Dashboard, serveDashboard } from "./dashboard.ts";
import { openEncoder } from "../encoder.ts";
import { Hub } from "./hub.ts";
import { Monitor } from "../command/monitor.ts";
import { RunFolder } from "../runs/writer.ts";
import { sceneFrames } from "../camera/scene.ts";
import { cutFrames } from "../testdata/cut_frames.ts";

const CONFIG = {
  ...{ streamUrl: "http://camera/", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 30, embeddingInterval: 10, rollingWindow: 300 },
};

/** Watches simulated cameras and shows them on a page until the test is over. */
async function withWatch(
  cameras: number,
  test: (page: Dashboard, quit: AbortSignal) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  const quit = new AbortController();
  const hub = new Hub(300);
  {
    using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
    const seen = Array<number>(cameras).fill(0);
    const isCut = () => seen.every((frames) => frames > 8);
    const frame = cutFrames(isCut, { width: 192, height: 144 });
    await using camera = serveCamera({ frame, fps: 8 });
    const options = { runs: root, model: "gist on cpu", onQuit: () => quit.abort() };
    await using page = await serveDashboard(hub, options);
    const watching = Array.from({ length: cameras }, (_, i) =>
      new Monitor(camera.url, encoder, {
        feed: hub.add(`camera ${i + 1}`),
        rules: [parseRule("scene: drift > 0.4")],
        onFrame: () => seen[i]!++,
        ...(i === 0 ? { openRun: () => RunFolder.create(CONFIG, { root }) } : {}),
      }).run(quit.signal));
    try {
      await test(page, quit.signal);
    } finally {
      quit.abort();
      await Promise.all(watching);
    }
  }
  await Deno.remove(root, { recursive: true });
}

/** Where the screenshots go that a person wants to look at. */
const shots = Deno.env.get("CLIP_DRIFT_SHOTS");

browserTest("the page lives: image, numbers, plot, alert, snapshots, runs, and q", async () => {
  await withWatch(1, async ({ url }, quit) => {
    await withPage(url, async (page) => {
      await page.waitForSelector(".notes .alert");
      await page.waitForSelector(".strip img >> nth=1");
      const number = (name: string) => page.textContent(`.${name}`);
      assert.match((await number("fps"))!, /^FPS: \d+\.\d$/);
      assert.match((await number("similarity"))!, /^Similarity: -?\d\.\d{4}$/);
      assert.match((await number("drift"))!, /^Drift: \d\.\d{4}$/);
      assert.match((await number("elapsed"))!, /^Elapsed: \d+\.\ds \| Frames: \d+$/);
      const before = await number("frame");
      while (await number("frame") === before) await page.waitForTimeout(20);
      // While the next frame is being decoded, there is no width.
      await page.waitForFunction('document.querySelector(".image").naturalWidth === 192');
      assert.ok(await page.evaluate('document.querySelector(".plot canvas").width > 100'));
      assert.equal(await page.textContent("#link"), "live");
      if (shots) await page.screenshot({ path: `${shots}/live-1280.png` });
      await page.click("#tab-runs");
      await page.click("#run-list button");
      await page.waitForSelector("#run canvas");
      assert.match((await page.textContent("#run h2"))!, /^\d{8}_\d{6} · \d+ frames$/);
      if (shots) await page.screenshot({ path: `${shots}/runs-1280.png` });
      await page.keyboard.press("q");
      await new Promise<void>((resolve) => {
        if (quit.aborted) resolve();
        else quit.addEventListener("abort", () => resolve());
      });
    });
  });
});

browserTest("several cameras are tiles, and fit a phone without scrolling sideways", async () => {
  await withWatch(2, async ({ url }) => {
    for (const [width, height, columns] of [[390, 844, 1], [1280, 900, 2]] as const) {
      await withPage(url, async (page) => {
        await page.waitForSelector(".notes .alert");
        const tops = await page.evaluate(
          '[...document.querySelectorAll(".tile")].map((tile) => tile.offsetTop)',
        ) as number[];
        assert.equal(new Set(tops).size, 2 / columns);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert.equal(overflow, 0);
        const small = await page.evaluate(
          '[...document.querySelectorAll("button")].filter((b) => !b.hidden && b.offsetHeight < 32).length',
        );
        assert.equal(small, 0);
        if (shots) await page.screenshot({ path: `${shots}/tiles-${width}.png`, fullPage: true });
      }, { width, height });
    }
  });
});

browserTest("past runs can be looked at without a camera", async () => {
  const root = await Deno.makeTempDir();
  {
    await using run = await RunFolder.create(CONFIG, { root });
    const similarity = { count: 0, mean: 1, std: 0, min: 1, max: 1 };
    await run.finish({ frames: 0, seconds: 1, similarity, counters: {} });
  }
  await using server = await serveDashboard(new Hub(1), { runs: root });
  await withPage(`${server.url}#runs`, async (page) => {
    await page.click("#run-list button");
    await page.waitForSelector("#run table");
    assert.ok(await page.isHidden("#tab-live"));
  });
  await Deno.remove(root, { recursive: true });
});

browserTest("the page says when the command is gone", async () => {
  const hub = new Hub(10);
  hub.add("camera");
  const server = await serveDashboard(hub);
  // Not by withPage(): a browser reports the attempts to come back as errors.
  await using browser = await openBrowser();
  const page = await openPage(browser);
  await page.goto(server.url);
  await page.waitForSelector("text=connecting");
  await server[Symbol.asyncDispose]();
  await page.waitForSelector("text=no link to the command");
});

/** Counts what the page holds: URLs of images, and plots that follow their size. */
const COUNTING = `
  globalThis.held = { urls: 0, plots: 0 };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => (held.urls++, createObjectURL(blob));
  URL.revokeObjectURL = (url) => (held.urls -= url === "" ? 0 : 1, revokeObjectURL(url));
  globalThis.ResizeObserver = class extends ResizeObserver {
    observe(element) { held.plots++; super.observe(element); }
    disconnect() { held.plots--; super.disconnect(); }
  };`;

browserTest("the page holds one image and one plot however long it is open", async () => {
  const root = await Deno.makeTempDir();
  const run = join(root, "20260107_143022");
  await Deno.mkdir(run);
  await Deno.writeTextFile(join(run, "drift.csv"), "a,b,c,d\r\n1,0,1,0\r\n2,1,0.9,0.1\r\n");
  const hub = new Hub(10);
  const feed = hub.add("camera");
  const jpeg = await sceneFrames({ width: 32, height: 24 })(0);
  {
    await using server = await serveDashboard(hub, { runs: root });
    await using browser = await openBrowser();
    const page = await openPage(browser, { bypassCSP: true });
    await page.addInitScript(COUNTING);
    await page.goto(server.url);
    await page.waitForSelector(".tile canvas");
    for (let i = 0; i < 50; i++) feed.show(jpeg);
    await page.waitForFunction("held.urls > 0");
    await page.click("#tab-runs");
    for (let i = 0; i < 3; i++) {
      await page.click("#run-list button");
      await page.waitForSelector("#run canvas");
    }
    await page.evaluate("tiles.get(0).isOld = true, socket.close()");
    await page.waitForFunction("!tiles.get(0).isOld && tiles.get(0).url !== ''");
    assert.deepEqual(await page.evaluate("held"), { urls: 1, plots: 2 });
  }
  await Deno.remove(root, { recursive: true });
});
