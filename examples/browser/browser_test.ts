import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { Decoder } from "@vcs/encodec-stream/decoder";
import { LiveSender } from "@vcs/encodec-stream";
import { type CodeBlock, EcdcReader } from "@vcs/encodec-stream/ecdc";
import { openWav } from "@vcs/media/wav";
import { patchesOfFrames } from "@vcs/patch-stream/frames";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import { freePort } from "@vcs/transport/internal";
import { FaultProxy } from "../../packages/transport/testing/fault_proxy.ts";
import { hasBundler } from "#testing/bundle.ts";
import { hasBrowser, waitUntil, withPage } from "#testing/browser.ts";
import { hasPrograms, needs } from "#testing/shared.ts";
import { serveFolders } from "#testing/static_site.ts";
import { buildPages, npmFiles } from "./build.ts";
import { openLiveSite } from "./live.ts";

const SPEECH = new URL(
  "../../packages/encodec-stream/testdata/speech.ecdc",
  import.meta.url,
);
const CLIP = new URL("../../apps/demo/clip.mp4", import.meta.url);

/** WebAssembly adds in another order: 2e-7 was measured. A step of 16 bits is 3e-5. */
const PCM_TOLERANCE = 1e-5;
const [SAMPLES, KEPT] = [8, 512];
/** Frames of a block, and blocks between two cuts of a link. */
const [CHUNK, CUT_EVERY] = [8, 10];

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const hasRuntimes = await npmFiles().then(() => true, () => false);
const building = hasRuntimes && hasBundler ? buildPages(folder) : Promise.resolve();
building.catch(() => {}); // Each test reports it.

function pageTest(name: string, isThere: boolean, fn: (url: string) => Promise<void>): void {
  Deno.test({
    name,
    ...needs(hasBrowser, hasBundler, hasRuntimes, isThere),
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await building;
      await using site = serveFolders({ "/": folder });
      await fn(site.url);
    },
  });
}

/** Drops a file on the page, as a hand does. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  await page.evaluate(`(() => {
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob("${bytes.toBase64()}"), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], ${JSON.stringify(name)}));
    document.querySelector("#drop").dispatchEvent(
      new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }),
    );
  })()`);
}

/** Waits until the page says something, or that something went wrong. */
async function said(page: Page, text: string): Promise<void> {
  const state = `document.querySelector("#state")`;
  await waitUntil(page, `${state}.textContent === "${text}" || ${state}.className === "error"`);
  assert.equal(await page.textContent("#state"), text);
}

/** Evaluates an expression for bytes. */
async function bytesOf(page: Page, expression: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = await page.evaluate<string>(`(async () => {
    const blob = new Blob([await (${expression})]);
    const reader = new FileReader();
    reader.readAsDataURL(blob);
    await new Promise((resolve) => reader.onload = resolve);
    return reader.result.slice(reader.result.indexOf(",") + 1);
  })()`);
  return Uint8Array.fromBase64(text);
}

async function decodedHere(): Promise<Float32Array> {
  await using reader = await EcdcReader.open(SPEECH);
  using decoder = await Decoder.open(reader.header.model, { device: "cpu" });
  const samples = new Float32Array(reader.header.samples);
  for await (const { start, channels } of decoder.decode(reader)) samples.set(channels[0]!, start);
  return samples;
}

pageTest("a dropped .ecdc is decoded in the page as it is here", true, async (url) => {
  const wav = await withPage(`${url}decode.html`, async (page) => {
    await drop(page, "speech.ecdc", await Deno.readFile(SPEECH));
    await said(page, "Decoded.");
    assert.equal(await page.textContent("#title"), "Test speech");
    const saved = `fetch(document.querySelector("#wav").href).then((r) => r.arrayBuffer())`;
    const bytes = await bytesOf(page, saved);
    await page.click("h1"); // No sound before a page was touched.
    await page.evaluate(`document.querySelector("#audio").play()`);
    await waitUntil(page, `document.querySelector("#audio").currentTime > 0`);
    return bytes;
  });
  const { chunks, sampleRate } = await openWav(new Blob([wav]).stream());
  const found = (await Array.fromAsync(chunks)).flatMap(([samples]) => [...samples!]);
  const expected = await decodedHere();
  assert.equal(sampleRate, 24000);
  assert.equal(found.length, expected.length);
  const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - found[i]!)), 0);
  assert.ok(worst < PCM_TOLERANCE, `samples differ by up to ${worst}`);
});

/** A WebM of the demo's clip: Debian's chromium may lack H.264. */
async function makeClip(path: string): Promise<void> {
  const size = ["-t", "3", "-vf", "scale=320:180", "-pix_fmt", "yuv420p"];
  const codec = ["-c:v", "libvpx-vp9", "-b:v", "200k", "-deadline", "realtime", "-g", "24"];
  const args = ["-v", "error", "-y", "-i", fileURLToPath(CLIP), ...size, ...codec, path];
  const { success, stderr } = await new Deno.Command("ffmpeg", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** What the page chose, and the frames that the browser decoded for it. */
interface Found {
  fields: string[];
  ids: number[];
  isKey: boolean[];
  width: number;
  height: number;
  frames: Uint8Array[];
}

async function chosenInPage(url: string, clip: Uint8Array): Promise<Found> {
  return await withPage(url, async (page) => {
    await page.evaluate(
      `globalThis.found = new Promise((done) => addEventListener("patches", (e) => done(e.detail)))
        .then((detail) => globalThis.detail = detail), undefined`,
    );
    await page.fill("#count", `${SAMPLES}`);
    await page.fill("#keep", `${KEPT}`);
    await drop(page, "clip.webm", clip);
    await said(page, "Done.");
    const plain = await page.evaluate<Omit<Found, "frames">>(`found.then((
      { fields, ids, isKey, width, height },
    ) => ({ fields: Array.from(fields.data, String), ids, isKey, width, height }))`);
    const bytes = await bytesOf(page, "new Blob(detail.frames).arrayBuffer()");
    const size = 3 * plain.width * plain.height;
    const frames = plain.ids.map((_, n) => bytes.subarray(n * size, (n + 1) * size));
    return { ...plain, frames };
  });
}

pageTest(
  "a dropped video's patches are those of the package on the same frames",
  hasPrograms("ffmpeg"),
  async (url) => {
    const path = `${folder}/clip.webm`;
    await makeClip(path);
    const found = await chosenInPage(`${url}patches.html`, await Deno.readFile(path));
    const clip = { ...found, frames: found.frames.map((rgb) => rgb.slice()) };
    const { fields } = await patchesOfFrames(clip, { kKeep: KEPT });
    assert.deepEqual(found.fields, Array.from(fields.data, String));

    // FFmpeg rounds YUV to RGB otherwise than Chromium, by 1 of 255 on average: 511 of 512 agree.
    using session = await patchStream({ videoPath: path, sequenceLength: SAMPLES, kKeep: KEPT });
    assert.deepEqual(found.ids, session.sampledFrameIds);
    const here = new Set(session.metadata.map(({ patchLinearIdx }) => String(patchLinearIdx)));
    const agreeing = found.fields.filter((field, i) => i % 6 === 3 && here.has(field));
    assert.ok(agreeing.length >= 500, `only ${agreeing.length} of ${KEPT} patches agree`);
  },
);

/** The blocks of a file; the link is cut behind some of them. */
async function* cutting(reader: EcdcReader, proxy: FaultProxy): AsyncGenerator<CodeBlock> {
  let count = 0;
  for await (const block of reader.blocks({ chunk: CHUNK })) {
    yield block;
    if (++count % CUT_EVERY === 0) proxy.cut();
  }
}

pageTest("a page receives codes and hears all of them, though its link is cut", true, async () => {
  const port = freePort();
  await using proxy = new FaultProxy(port);
  await using site = await openLiveSite(folder, { port, names: [`127.0.0.1:${proxy.port}`] });
  await using reader = await EcdcReader.open(SPEECH);
  const { model, codebooks, rate: sampleRate } = reader.header;
  const live = new LiveSender(site.sender, { model, codebooks, sampleRate });
  const url = site.url.replace(`:${port}/`, `:${proxy.port}/`);
  const found = await withPage(url, async (page) => {
    await page.evaluate(`globalThis.sound = [];
      addEventListener("sound", ({ detail }) => globalThis.sound.push(detail))`);
    await page.click("#listen");
    await live.run(cutting(reader, proxy));
    await said(page, "The sound has ended.");
    assert.match((await page.textContent("#facts"))!, /, 0 lost/);
    return await bytesOf(page, "new Blob(sound).arrayBuffer()");
  });
  assert.ok(
    site.sender.counters.connections > 2,
    `${site.sender.counters.connections} connections`,
  );
  const expected = await decodedHere();
  const samples = new Float32Array(found.buffer);
  assert.equal(samples.length, expected.length);
  const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - samples[i]!)), 0);
  assert.ok(worst < PCM_TOLERANCE, `samples differ by up to ${worst}`);
});
