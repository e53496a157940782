import assert from "node:assert/strict";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import {
  barriers,
  browserTest,
  openBrowser,
  openPage,
  waitUntil,
  withPage,
} from "#testing/browser.ts";
import { parseRule } from "../alerts.ts";
import { serveCamera } from "../camera/camera_server.ts";
import { type Dashboard, serveDashboard } from "./dashboard.ts";
import { openEncoder } from "../encoder.ts";
import { DriftTracker, METRICS } from "../drift.ts";
import { fileFrame } from "../source.ts";
import type { WatchedFrame } from "../watch.ts";
import { RegionsFile } from "../fleet/regions_file.ts";
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
    await using camera = await serveCamera({ frame, fps: 8 });
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
      await page.click("#quit-yes");
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
          '[...document.querySelectorAll("button")].filter((b) => b.offsetParent !== null && b.offsetHeight < 32).length',
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

browserTest(
  "q and Esc ask first, and are no wish to end with Ctrl, Alt or Meta, or in a text",
  async () => {
    const hub = new Hub(10);
    hub.add("camera");
    let quits = 0;
    await using server = await serveDashboard(hub, { onQuit: () => quits++ });
    await withPage(server.url, async (page) => {
      await page.waitForSelector("text=Q or Esc");
      const isAsked = () => page.isVisible("#quit");
      for (const key of ["Control+q", "Alt+q", "Meta+q", "Control+Escape"]) {
        await page.keyboard.press(key);
        assert.equal(await isAsked(), false, key);
      }
      await page.evaluate("document.body.append(document.createElement('input'))");
      await page.focus("input");
      await page.keyboard.press("q");
      assert.equal(await isAsked(), false);
      await page.evaluate("document.activeElement.blur()");
      await page.keyboard.press("q");
      assert.equal(await isAsked(), true);
      if (shots) await page.screenshot({ path: `${shots}/quit.png` });
      await page.keyboard.press("q");
      await page.keyboard.press("Escape");
      assert.equal(await isAsked(), false);
      await page.keyboard.press("Escape");
      await page.click("#quit-no");
      assert.equal(quits, 0);
      await page.keyboard.press("Q");
      await page.click("#quit-yes");
      while (quits === 0) await page.waitForTimeout(5);
    });
    assert.equal(quits, 1);
  },
);

const PICTURE = { dark: 0, covered: 0, blurred: 0, moved: 0, turned: 0, frozen: 0 };

/** A frame for the page only. */
function shown(hasContent = true): WatchedFrame {
  const tracker = new DriftTracker();
  const embedding = Float32Array.of(1, 0);
  return {
    ...{ index: 0, timestamp: 1e9, embedding, alerts: [], duplicate: false, hasContent },
    row: { ...tracker.push(embedding, 0), ...PICTURE },
    ...{ recent: tracker.recent, total: tracker.total, frame: fileFrame(new Uint8Array(), 0) },
  };
}

browserTest("tiles say whether they are live, and if not, why", async () => {
  const hub = new Hub(10);
  const jpeg = await sceneFrames({ width: 192, height: 144 })(0);
  const names = ["live", "lost", "frozen", "never", "ended", "empty"];
  const [live, lost, frozen, never, ended, empty] = names.map((name) => hub.add(name));
  for (const feed of [live, lost, frozen, ended, empty]) {
    feed!.frame(shown(feed !== empty));
    feed!.show(jpeg);
  }
  empty!.view.hasContent = false;
  lost!.note("lost", "connection refused", "lost");
  never!.note("lost", "connection refused", "lost");
  frozen!.frame(shown(), "frozen");
  ended!.note("ended", "The stream has ended", "ended");
  const server = await serveDashboard(hub);
  await using browser = await openBrowser();
  const page = await openPage(browser);
  await page.goto(server.url);
  await page.waitForSelector(".tile");
  const states = () => page.locator(".state").allTextContents();
  assert.deepEqual((await states()).map((text) => text.replace(/:.*/, "")), [
    ...["", "Lost", "Frozen", "Never connected", "The stream has ended", "No content"],
  ]);
  if (shots) await page.screenshot({ path: `${shots}/states-1280.png`, fullPage: true });
  if (shots) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: `${shots}/states-390.png`, fullPage: true });
  }
  await server[Symbol.asyncDispose]();
  await page.waitForSelector("text=no link to the command");
  assert.ok((await states()).every((text) => /^The command has ended/.test(text)));
});

browserTest("the run browser shows the run that was chosen last, and what fails", async () => {
  const root = await Deno.makeTempDir();
  for (const name of ["20260107_143022", "20260108_143022"]) {
    await Deno.mkdir(join(root, name));
    await Deno.writeTextFile(
      join(root, name, "drift.csv"),
      "timestamp,frame_idx,similarity,drift\r\n1,0,1,0\r\n",
    );
  }
  await using server = await serveDashboard(new Hub(1), { runs: root });
  await using browser = await openBrowser();
  const page = await openPage(browser);
  const late = Promise.withResolvers<void>();
  await page.route("**/api/runs/20260107_143022", async (route: { continue(): Promise<void> }) => {
    await late.promise;
    await route.continue();
  });
  await page.goto(`${server.url}#runs`);
  await page.click("text=20260107_143022");
  await page.click("text=20260108_143022");
  await page.waitForSelector("#run h2");
  const answered = page.waitForResponse("**/api/runs/20260107_143022");
  late.resolve();
  await (await answered).finished();
  await page.waitForTimeout(50);
  assert.match((await page.textContent("#run h2"))!, /^20260108_143022/);
  assert.equal(await page.textContent('[aria-current="true"]'), "20260108_143022");
  await Deno.remove(join(root, "20260107_143022"), { recursive: true });
  await page.click("text=20260107_143022");
  await page.waitForSelector("#run .error");
  assert.match((await page.textContent("#run"))!, /found no such folder/);
  await Deno.remove(root, { recursive: true });
});

/** A run folder with an alert, its snapshot and a gap. */
async function eventfulRun(root: string): Promise<void> {
  const jpeg = await sceneFrames({ width: 192, height: 144 })(0);
  await using run = await RunFolder.create({ ...CONFIG, camera: "yard" }, { root });
  const start = Date.UTC(2026, 0, 7, 12) / 1000;
  const tracker = new DriftTracker();
  for (let index = 0; index < 200; index++) {
    const embedding = Float32Array.of(
      Math.cos(index / 40),
      Math.sin(index / 40 + (index > 99 ? 1 : 0)),
    );
    const timestamp = start + index * 3000;
    const row = { ...tracker.push(embedding, timestamp), ...PICTURE, dark: index / 200 };
    const frame = { index, timestamp, embedding, row, jpeg: () => jpeg };
    await run.write(frame);
    if (index !== 100) continue;
    const alert = { rule: "scene", metric: "cut", value: 0.6, threshold: 0.4, heldBack: 0 };
    await run.event({ type: "alert", ...alert, time: timestamp, frame: index });
    await run.event({ type: "gap", from: timestamp, to: timestamp + 90_000, seconds: 90_000 });
    await run.snapshot(frame);
  }
  const similarity = { count: 9, mean: 0.5, std: 0.1, min: 0.2, max: 1 };
  await run.finish({ frames: 200, seconds: 600_000, similarity, counters: { alerts: 1 } });
}

/** How many dots of a plot have the colour of an alert. */
const RED_DOTS = `(() => {
  const canvas = document.querySelector("#run canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] > 170 && data[i + 1] < 120 && data[i + 2] < 130 && data[i + 3] > 200) count++;
  }
  return count;
})()`;

browserTest(
  "a run has all its measures, what happened on the axis of time, and snapshots",
  async () => {
    const root = await Deno.makeTempDir();
    await eventfulRun(root);
    await using server = await serveDashboard(new Hub(1), { runs: root });
    await withPage(`${server.url}#runs`, async (page) => {
      await page.click("#run-list button");
      await page.waitForSelector("#run canvas");
      const names = await page.locator("#run option").allTextContents();
      assert.deepEqual(names, [...METRICS]);
      await waitUntil(page, `${RED_DOTS} > 50`);
      await page.selectOption("#run select", "dark");
      assert.match((await page.textContent("#run .u-legend"))!, /dark/);
      await page.waitForSelector("#run .strip");
      const notes = await page.locator("#run .notes li").allTextContents();
      assert.match(notes[0]!, /gap: No frames for 90000\.0 s$/);
      assert.match(notes[1]!, /alert: scene: cut 0\.6000 above 0\.4000$/);
      const [opened] = await Promise.all([
        page.context().waitForEvent("page"),
        page.click("#run .notes a"),
      ]);
      await opened.waitForLoadState();
      assert.match(opened.url(), /frame_000100\.jpg$/);
      assert.equal(await opened.evaluate("document.images[0].naturalWidth"), 192);
      await opened.close();
      assert.ok(await page.locator("#run .strip a").count() > 3);
      if (shots) await page.screenshot({ path: `${shots}/run-1280.png`, fullPage: true });
      if (shots) {
        await page.setViewportSize({ width: 390, height: 844 });
        await page.screenshot({ path: `${shots}/run-390.png`, fullPage: true });
      }
    });
    await Deno.remove(root, { recursive: true });
  },
);

/** A proxy that shows a page under `/cameras/`, WebSocket and all, as web servers are set up to. */
async function proxied(page: Dashboard, at: Deno.Listener): Promise<void> {
  for await (const client of at) {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: page.port });
    // One request each connection, so that its path stands in the first line.
    const first = new Uint8Array(16384);
    const text = new TextDecoder().decode(first.subarray(0, await client.read(first) ?? 0));
    const head = text.replace(" /cameras/", " /").replace(
      /^connection: keep-alive/im,
      "connection: close",
    );
    await server.write(new TextEncoder().encode(head));
    void client.readable.pipeTo(server.writable).catch(() => {});
    void server.readable.pipeTo(client.writable).catch(() => {});
  }
}

browserTest("the page lives behind a proxy under another path", async () => {
  const root = await Deno.makeTempDir();
  await eventfulRun(root);
  const hub = new Hub(10);
  hub.add("door");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const behind = new URL(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/cameras/`);
  await using server = await serveDashboard(hub, { runs: root, behind });
  const passing = proxied(server, listener);
  await withPage(server.url, async (page) => {
    await page.locator("#live").getByText("door").first().waitFor();
    const midnight = new Date(2026, 0, 7).getTime() / 1000;
    assert.match(await page.evaluate(`clock(${midnight})`) as string, /^00:00:00/);
    assert.equal(page.url(), behind.href);
    await page.click("#tab-runs");
    await page.click("#run-list button");
    await page.waitForSelector("#run .strip a");
  });
  listener.close();
  await passing.catch(() => {});
  await Deno.remove(root, { recursive: true });
});

browserTest("the page has no barriers, light or dark, and an alert is spoken", async () => {
  const root = await Deno.makeTempDir();
  await eventfulRun(root);
  const hub = new Hub(10);
  const jpeg = await sceneFrames({ width: 192, height: 144 })(0);
  const [door, yard, gate, hall] = ["door", "yard", "gate", "hall"].map((name) => hub.add(name));
  for (const feed of [door!, yard!, gate!]) {
    feed.frame(shown());
    feed.show(jpeg);
  }
  hall!.note("lost", "connection refused", "lost");
  yard!.note("lost", "connection refused", "lost");
  gate!.frame(shown(), "frozen");
  await using server = await serveDashboard(hub, { runs: root, model: "gist on cpu", onQuit() {} });
  await using browser = await openBrowser();
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await openPage(browser, { colorScheme, bypassCSP: true });
    await page.goto(server.url);
    await page.waitForSelector(".tile canvas");
    assert.equal(await page.textContent("#spoken"), "", "what was before is not spoken");
    door!.note("alert", "scene: cut 0.6 above 0.4");
    await page.waitForSelector("text=Alert, door: scene");
    assert.equal(await page.getAttribute("#spoken", "role"), "alert");
    assert.deepEqual(await barriers(page), [], `${colorScheme}, live`);
    for (const width of shots ? [1280, 390] : []) {
      await page.setViewportSize({ width, height: 900 });
      const path = `${shots}/four-${colorScheme}-${width}.png`;
      await page.screenshot({ path, fullPage: true });
    }
    await page.click("#tab-runs");
    await page.click("#run-list button");
    await page.waitForSelector("#run .strip");
    assert.deepEqual(await barriers(page), [], `${colorScheme}, runs`);
    if (shots) await page.screenshot({ path: `${shots}/run-${colorScheme}.png`, fullPage: true });
    await page.keyboard.press("q");
    await page.waitForSelector("#quit-no");
    assert.deepEqual(await barriers(page), [], `${colorScheme}, question`);
    await page.close();
  }
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
  await Deno.writeTextFile(
    join(run, "drift.csv"),
    "timestamp,frame_idx,similarity,drift\r\n1,0,1,0\r\n2,1,0.9,0.1\r\n",
  );
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

/** Whether what is drawn on is as wide, or as high, as the image. */
const LIES_ON_THE_IMAGE = `(() => {
  const canvas = document.querySelector("svg.canvas").getBoundingClientRect();
  const image = document.querySelector(".drawn .image");
  return image.naturalWidth > 0 && Math.abs(canvas.width / canvas.height - 4 / 3) < 0.02 &&
    (Math.abs(canvas.width - image.offsetWidth) < 1 || Math.abs(canvas.height - image.offsetHeight) < 1);
})()`;

/** Goes around the whole picture by keys, a point at each corner. */
const AROUND = `(() => {
  const canvas = document.querySelector("svg.canvas");
  const press = (key, shiftKey) =>
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
  canvas.focus();
  for (const ways of [["Left", "Up"], ["Right"], ["Down"], ["Left"]]) {
    for (const way of ways) for (let i = 0; i < 10; i++) press("Arrow" + way, true);
    press(" ", false);
  }
})()`;

/** Leaves out the whole picture, which is refused in words. */
async function refusesAll(page: Page): Promise<void> {
  await page.click(".draw:enabled");
  await page.selectOption(".kind", "mask");
  await page.evaluate(AROUND);
  await page.click(".drawing .save");
  await page.waitForSelector("text=Not saved: Cannot use the regions of camera");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("svg.canvas").count(), 0);
}

browserTest("regions are drawn with the mouse and with keys, and kept in the file", async () => {
  const path = join(await Deno.makeTempDir(), "regions.json");
  const kept = async () => JSON.parse(await Deno.readTextFile(path)).cameras;
  const hub = new Hub(10);
  const [door, yard] = [hub.add("door"), hub.add("yard")];
  const jpeg = await sceneFrames({ width: 192, height: 144 })(0);
  for (const feed of [door, yard]) feed.frame(shown()), feed.show(jpeg);
  const regions = new RegionsFile(path);
  await using server = await serveDashboard(hub, { regions, onQuit() {} });
  await using browser = await openBrowser();
  const errors: string[] = [];
  const openWith = async (settings: BrowserContextOptions) => {
    const page = await openPage(browser, { ...settings, bypassCSP: true });
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(server.url);
    return page;
  };
  {
    const page = await openWith({ colorScheme: "dark", viewport: { width: 1280, height: 900 } });
    const begin = async () => {
      await page.click('[aria-label="door"] .draw:enabled');
      await page.waitForSelector("svg.canvas");
    };
    await begin();
    const box = (await page.locator("svg.canvas").boundingBox())!;
    assert.ok(Math.abs(box.width / box.height - 192 / 144) < 0.02, "it lies on the picture");
    const at = (x: number, y: number) =>
      [Math.round(box.x + x * box.width), Math.round(box.y + y * box.height)] as const;
    await page.mouse.click(...at(0.1, 0.1));
    await page.mouse.click(...at(0.6, 0.1));
    // What is drawn stays where it is when another camera comes or goes.
    hub.remove(yard);
    await waitUntil(page, "tiles.size === 1");
    await waitUntil(page, LIES_ON_THE_IMAGE);
    Object.assign(box, await page.locator("svg.canvas").boundingBox());
    await page.mouse.click(...at(0.6, 0.9));
    await page.mouse.dblclick(...at(0.1, 0.9));
    assert.equal(await page.locator("polygon.roi").count(), 1);
    await page.selectOption(".kind", "mask");
    await page.focus("svg.canvas");
    for (const key of ["Enter", "Space", "Shift+ArrowRight", "Space", "Shift+ArrowDown", "Space"]) {
      await page.keyboard.press(key);
    }
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("polygon.mask").count(), 1);
    assert.deepEqual(await barriers(page), [], "dark");
    if (shots) await page.screenshot({ path: `${shots}/regions-1280.png`, fullPage: true });
    await page.click(".drawing .save");
    await page.waitForSelector("svg.canvas", { state: "detached" });
    const { door: { roi: [one], mask: [other] } } = await kept();
    assert.deepEqual(other.length, 3);
    const corners = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.9], [0.1, 0.9]];
    for (const [i, [x, y]] of one.entries()) {
      assert.ok(Math.abs(x - corners[i]![0]!) < 0.01 && Math.abs(y - corners[i]![1]!) < 0.01, i);
    }
    await begin();
    assert.equal(await page.locator("polygon").count(), 2);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("svg.canvas").count(), 0);
    assert.equal(await page.isVisible("#quit"), false, "Esc leaves the drawing, not the watch");
    await begin();
    await page.mouse.move(...at(0.2, 0.2));
    await page.keyboard.press("Delete");
    assert.equal(await page.locator("polygon").count(), 1);
    await page.click(".drawing .save");
    await page.waitForSelector("svg.canvas", { state: "detached" });
    assert.deepEqual((await kept()).door, { roi: [], mask: [other] });
    await page.close();
  }
  const page = await openWith({ colorScheme: "light", viewport: { width: 390, height: 844 } });
  await page.click(".draw:enabled");
  await page.waitForSelector("svg.canvas");
  assert.equal(await page.locator("polygon").count(), 1);
  const wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
  assert.equal(await page.evaluate(wide), 0);
  assert.deepEqual(await barriers(page), [], "light");
  if (shots) await page.screenshot({ path: `${shots}/regions-390.png`, fullPage: true });
  await page.keyboard.press("Escape");
  await refusesAll(page);
  assert.deepEqual(errors, []);
});
