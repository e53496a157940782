import { browserTest, withPage } from "#testing/browser.ts";
import { hasPrograms } from "#testing/shared.ts";
import { decodeImage } from "@vcs/media/image";
import { decodeAudio } from "@vcs/media/audio";
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { type DemoRun, emptyFolder, runDemo } from "./demo.ts";
import { clipPath, DEMO_MEDIA, speechPath } from "./media.ts";
import { drawScene, SCENE } from "./scene.ts";

Deno.test("the committed clip is the film that the scene draws", async () => {
  const { size } = await Deno.stat(await clipPath());
  assert.ok(size < 500_000, `${size} bytes`);
  await using video = await VideoReader.open(await clipPath());
  const { width, height, frameCount, fps } = video.info;
  assert.deepEqual({ width, height, fps, frames: frameCount }, SCENE);
  const frame = await video.frameAt(0);
  const [drawn] = drawScene();
  let sum = 0;
  drawn!.forEach((value, n) => sum += (value - frame.data[n]!) ** 2);
  const deviation = Math.sqrt(sum / drawn!.length);
  assert.ok(deviation < 8, `the first frame differs by ${deviation} of 255`);
});

Deno.test("the committed speech is a sentence of a few seconds", async () => {
  const { size } = await Deno.stat(await speechPath());
  assert.ok(size < 200_000, `${size} bytes`);
  const { sampleRate, channels } = await decodeAudio(await speechPath());
  assert.deepEqual([sampleRate, channels.length], [24000, 1]);
  const seconds = channels[0]!.length / sampleRate;
  assert.ok(seconds > 3 && seconds < 6, `${seconds} s`);
  assert.ok(channels[0]!.some((sample) => Math.abs(sample) > 0.1), "it is silent");
});

Deno.test("the media are those that are fetched from a registry", async () => {
  for (const { name } of DEMO_MEDIA.models) {
    assert.equal((await DEMO_MEDIA.verify(name)).right, true, name);
  }
});

Deno.test("a folder with other files is left alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "thesis.txt"), "years of work");
    await assert.rejects(emptyFolder(folder), /found thesis\.txt, expected an empty folder/);
    await Deno.writeTextFile(join(folder, "run.json"), "{}");
    await assert.rejects(emptyFolder(folder), /found thesis\.txt/);
    await Deno.remove(join(folder, "thesis.txt"));
    await Deno.mkdir(join(folder, "video-vq"));
    await emptyFolder(folder);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    await emptyFolder(join(folder, "new"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a step that fails is named", async () => {
  const file = await Deno.makeTempFile();
  try {
    // A file is not a folder to write into.
    await assert.rejects(runDemo(file), /Cannot go on: step 1 of 5, patch-stream, failed: /);
  } finally {
    await Deno.remove(file);
  }
});

/** Serves a folder, parts of files, too: players ask for them. */
function serveFolder(folder: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const path = normalize(decodeURIComponent(new URL(request.url).pathname));
    const bytes = await Deno.readFile(join(folder, path)).catch(() => undefined);
    if (bytes === undefined) return new Response(undefined, { status: 404 });
    const [, from] = /^bytes=(\d+)-/.exec(request.headers.get("range") ?? "") ?? [];
    const type = path.endsWith(".html") ? { "content-type": "text/html" } : {};
    if (from === undefined) return new Response(bytes, { headers: type });
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const headers = { ...type, "content-range": range, "accept-ranges": "bytes" };
    return new Response(bytes.subarray(Number(from)), { status: 206, headers });
  });
}

const IMAGES = `Array.from(document.images, ({ src, naturalWidth, complete }) =>
  ({ src, shown: complete && naturalWidth > 0 }))`;
const MEDIA = `Promise.all(Array.from(document.querySelectorAll("video, audio"), async (media) => {
  for (let n = 0; media.readyState < 3 && n < 12_000; n++) await new Promise((r) => setTimeout(r, 50));
  return { src: media.src, ready: media.readyState, seconds: media.duration };
}))`;
const FIGURES = `Array.from(document.querySelectorAll("[data-figure]"), (element) =>
  ({ path: element.dataset.figure, value: element.value, text: element.textContent }))`;
const TAKEN = `[...performance.getEntriesByType("resource").map(({ name }) => name),
  ...Array.from(document.querySelectorAll("[src]"), ({ src }) => src),
  ...Array.from(document.querySelectorAll("a:not([href^='#'])"), ({ href }) => href)]`;
const WIDTH = "document.documentElement.scrollWidth";

/** Whatever the page takes or links lies beside it. */
async function checkPlace(page: Page, folder: string): Promise<void> {
  const beside = new URL(".", page.url()).href;
  const taken = await page.evaluate<string[]>(TAKEN);
  assert.ok(taken.length > 20, `${taken.length} files`);
  for (const url of taken) {
    assert.ok(url.startsWith(beside), url);
    assert.ok((await Deno.stat(join(folder, url.slice(beside.length)))).size > 0, url);
  }
}

async function checkMedia(page: Page): Promise<void> {
  for (const { src, shown } of await page.evaluate<{ src: string; shown: boolean }[]>(IMAGES)) {
    assert.ok(shown, `${src} is not shown`);
  }
  const media = await page.evaluate<{ src: string; ready: number; seconds: number }[]>(MEDIA);
  assert.equal(media.length, 2 + 1 + 3 + 1 + 1);
  for (const { src, ready, seconds } of media) {
    assert.ok(ready >= 3 && seconds > 1, `${src} cannot be played: ${ready}, ${seconds} s`);
  }
}

/** The number that a path names. */
function numberAt(run: DemoRun, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (value, name) => (value as Record<string, unknown> | undefined)?.[name],
    run,
  );
}

/** Every figure is the run's own number, and what people read is that number rounded. */
async function checkFigures(page: Page, run: DemoRun): Promise<void> {
  const figures = await page.evaluate<{ path: string; value: string; text: string }[]>(FIGURES);
  for (const part of ["patchStream", "videoVq", "encodecStream", "clipDrift", "together"]) {
    assert.ok(figures.filter(({ path }) => path.startsWith(`${part}.`)).length > 4, part);
  }
  for (const { path, value, text } of figures) {
    const number = numberAt(run, path);
    assert.equal(Number(value), number, path);
    const shown = Number(/-?[\d.]+/.exec(text.replaceAll(",", ""))?.[0]);
    const unit = /%$/.test(text) ? 100 : /kbit/.test(text) ? 1e-3 : / ms$/.test(text) ? 1e3 : 1;
    const wanted = (number as number) * unit;
    const rounding = 0.5 * 10 ** -(/\.(\d+)/.exec(text)?.[1]?.length ?? 0);
    const near = (a: number) => Math.abs(shown - a) <= rounding * 1.0001;
    // Milliseconds are measured as such or in seconds.
    assert.ok(near(wanted) || near(number as number), `${path} is ${number}, shown is ${text}`);
  }
}

/** Tokens stand beside H.264 of the same pixels in no more bytes, each with its PSNR. */
async function checkBars(page: Page, { h264, bytes, psnr }: DemoRun["videoVq"]): Promise<void> {
  if (!hasPrograms("ffmpeg")) return assert.equal(h264, undefined);
  assert.ok(h264 && h264.bytes <= bytes, `${h264?.bytes} bytes of H.264, ${bytes} of tokens`);
  const text = await page.innerText("body");
  assert.ok(text.includes(`The same pixels as H.264, ${h264.psnr.toFixed(1)} dB`));
  assert.ok(text.includes(`Tokens, ${psnr.toFixed(1)} dB`));
}

/** Both films play with one button, and stay together. */
async function checkFilms(page: Page): Promise<void> {
  const button = page.getByRole("button", { name: "Play both films" });
  const begin = await page.evaluate<number>(`document.querySelector("video").currentTime`);
  await button.press("Enter");
  await page.waitForFunction(`(() => {
    const [a, b] = Array.from(document.querySelectorAll("video"), (film) => film.currentTime);
    return a > ${begin} + 0.5 && Math.abs(a - b) < 0.1;
  })()`);
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  await button.press("Enter");
  await page.locator("#pair button[aria-pressed=false]").waitFor();
}

/** A voice that is started ends the one before, and goes on at its place. */
async function checkVoices(page: Page): Promise<void> {
  const state = `Array.from(document.querySelectorAll("audio"), (a) => [a.paused, a.currentTime])`;
  const buttons = page.locator("[data-player] button");
  await buttons.nth(0).press("Enter");
  await page.waitForFunction(`${state}[0][1] > 0.1`);
  const heard = await page.evaluate<number>(`${state}[0][1]`);
  await buttons.nth(2).press("Enter");
  await page.waitForFunction(`!${state}[2][0]`);
  const voices = await page.evaluate<[boolean, number][]>(state);
  assert.deepEqual(voices.map(([paused]) => paused), [true, true, false, true, true]);
  assert.ok(voices[2]![1] >= heard, `it went on at ${voices[2]![1]} s, not at ${heard} s`);
  await buttons.nth(2).press("Enter");
}

/** The keyboard chooses another frame, and what it shows. */
async function checkStage(page: Page): Promise<void> {
  const before = await page.getAttribute("#stage img", "src");
  await page.locator("input[name=sample]:checked").press("ArrowRight");
  assert.notEqual(await page.getAttribute("#stage img", "src"), before);
  await page.locator("input[name=mode]:checked").press("ArrowRight");
  assert.equal(await page.getAttribute("#stage .image", "data-mode"), "energy");
  assert.ok(await page.locator("#stage .heat rect").first().isVisible());
  await page.locator("input[name=mode]:checked").press("ArrowLeft");
}

/** The slider over the plot shows the frame that raised the alert. */
async function checkDrift(page: Page, { alert, frames }: DemoRun["clipDrift"]): Promise<void> {
  const slider = page.getByRole("slider", { name: "Frame to look at" });
  await slider.fill(`${alert.place}`);
  assert.match(
    await page.innerText(".peek figcaption"),
    new RegExp(`frame ${frames[alert.place]!.index}\\b`),
  );
  assert.equal(await page.getAttribute(".peek img", "src"), frames[alert.place]!.image);
  await slider.press("ArrowLeft");
  assert.equal(await page.getAttribute(".peek img", "src"), frames[alert.place - 1]!.image);
}

/** A screenshot of the page has many colours: an empty one has few. */
async function checkScreenshot(page: Page): Promise<void> {
  const { data } = await decodeImage(await page.screenshot({ fullPage: true }));
  const colours = new Set<number>();
  for (let at = 0; at < data.length; at += 3 * 101) {
    colours.add(data[at]! << 16 | data[at + 1]! << 8 | data[at + 2]!);
  }
  assert.ok(colours.size > 1000, `${colours.size} colours`);
}

browserTest(
  "the demo runs all, and its page shows that run on desk and telephone",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = await runDemo(folder);
      const run = JSON.parse(await Deno.readTextFile(join(folder, "run.json"))) as DemoRun;
      await using server = serveFolder(folder);
      const served = `http://127.0.0.1:${server.addr.port}/index.html`;
      for (const [url, width] of [[pathToFileURL(file), 1280], [served, 390]] as const) {
        await withPage(url, async (page) => {
          await checkMedia(page);
          await checkPlace(page, folder);
          await checkFigures(page, run);
          await checkBars(page, run.videoVq);
          assert.equal(await page.evaluate(WIDTH), width);
          await checkStage(page);
          await checkDrift(page, run.clipDrift);
          await checkFilms(page);
          await checkVoices(page);
          await checkScreenshot(page);
        }, { width });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
