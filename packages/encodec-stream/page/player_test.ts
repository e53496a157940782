import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { EcdcWriter } from "../container/writer.ts";
import { Encoder } from "../encoder.ts";
import { formatHeader } from "../container/header.ts";
import { fileSink } from "../container/sinks.ts";
import { syntheticAudio, syntheticCheckpoint } from "../network/synthetic.ts";
import { modelSpec } from "../models.ts";
import { randomFile } from "../testing/preroll_error.ts";
import { browserTest, waitUntil, withPage } from "#testing/browser.ts";
import { PlayerServer } from "./player_server.ts";

/** Twelve seconds of hashed sound as a 3 kbit/s file. */
async function makeFile(path: string): Promise<void> {
  const model = "encodec_48khz";
  const samples = 12 * 48000;
  const audio = syntheticAudio(model, samples).map((v) => v * 0.3);
  using encoder = await Encoder.open(model, 2, {
    weights: syntheticCheckpoint(model),
    device: "cpu",
  });
  await using sink = await fileSink(path);
  const writer = new EcdcWriter(sink, {
    model,
    codebooks: 2,
    samples,
    title: "Hashed <b>sound</b>",
  });
  const planar = [audio.subarray(0, samples), audio.subarray(samples)];
  for await (const block of encoder.encode(ReadableStream.from([planar]))) {
    await writer.write(block);
  }
  await writer.close(samples);
}

browserTest("the page plays, buffers, seeks by click and shows its speed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/song.ecdc`;
    await makeFile(file);
    const weights = syntheticCheckpoint("encodec_48khz");
    await using server = await PlayerServer.open({ weights, device: "cpu" });
    await withPage(server.url, async (page) => {
      const text = (id: string) => page.locator(`#${id}`).innerText();
      await page.locator("#file").setInputFiles(file);
      await page.locator("#player").waitFor({ state: "visible" });
      assert.equal(await text("title"), "Hashed <b>sound</b>");
      assert.match(await text("about"), /encodec_48khz, 3 kbit\/s/);
      await page.locator("#play").click();
      const state = (wanted: string) =>
        waitUntil(page, `document.getElementById("state").innerText === "${wanted}"`);
      await waitUntil(page, "+document.getElementById('wave').ariaValueNow > 0.1");
      // Sound goes on in its own time, so that what follows has all the rest of it.
      await page.locator("#play").click();
      await state("paused");
      assert.match(await text("speed"), /^\d+\.\d× real time$/);
      assert.match(await text("first"), /^\d+ ms$/);
      await waitUntil(page, "parseFloat(document.getElementById('buffered').innerText) > 5");
      const painted = await page.evaluate(`(() => {
        const canvas = document.getElementById("wave");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((_, i) => i % 4 === 3 && data[i] > 0).length;
      })()`);
      assert.ok(Number(painted) > 1000, `${painted}`);
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      const box = (await page.locator("#wave").boundingBox())!;
      const asked = page.waitForRequest(/\/audio\?/);
      // Ten seeks in one moment: only the last is asked for, and a paused player stays paused.
      const last = box.x + box.width * 0.75;
      await page.evaluate(`for (let i = 9; i >= 0; i--) {
        const at = { clientX: ${last} - i * 10, bubbles: true };
        document.getElementById("wave").dispatchEvent(new MouseEvent("click", at));
      }`);
      const from = Number(new URL((await asked).url()).searchParams.get("from"));
      assert.ok(Math.abs(from - 9) < 0.1, `from ${from}`);
      assert.equal(requests.length, 1);
      await state("paused");
      await page.locator("#play").click();
      await waitUntil(page, "+document.getElementById('wave').ariaValueNow > 9.2");
      await state("at the end");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Gives the page a file of some name. */
async function setFile(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/${name}`, bytes);
  await page.locator("#file").setInputFiles(`${folder}/${name}`);
  await page.locator("#player").waitFor({ state: "visible" });
  await Deno.remove(folder, { recursive: true });
}

/** Keeps what the page does at each media key, and what plays so that the page gets them. */
const MEDIA_KEYS = `
  globalThis.mediaKeys = {};
  navigator.mediaSession.setActionHandler = (name, act) => globalThis.mediaKeys[name] = act;
`;

browserTest(
  "keys and media keys play and seek; what has no title has its file's name",
  async () => {
    const file = randomFile(modelSpec("encodec_tiny_24khz"), 8);
    await using server = await PlayerServer.open({ device: "cpu" });
    await withPage(server.url, async (page) => {
      await page.addInitScript(MEDIA_KEYS);
      await page.reload();
      await setFile(page, "a b.ecdc", file);
      const text = (id: string) => page.locator(`#${id}`).innerText();
      await waitUntil(page, "document.getElementById('title').innerText === 'a b.ecdc'");
      assert.equal(await text("seek"), "2 s of preroll, error −36 dB");
      const state = (wanted: string) =>
        waitUntil(page, `document.getElementById("state").innerText === "${wanted}"`);
      const at = (condition: string) =>
        waitUntil(page, `(at => ${condition})(+document.getElementById("wave").ariaValueNow)`);
      const system = (wanted: string) =>
        waitUntil(
          page,
          `navigator.mediaSession.playbackState === "${wanted}" &&
          document.getElementById("silence").paused === ${wanted === "paused"}`,
        );
      await page.evaluate("document.activeElement.blur()");
      await page.keyboard.press("Space");
      await at("at > 0.1");
      await system("playing");
      assert.equal(await page.evaluate("navigator.mediaSession.metadata.title"), "a b.ecdc");
      await page.keyboard.press("Space");
      await state("paused");
      await system("paused");
      await page.keyboard.press("Home");
      await at("at === 0");
      await page.keyboard.press("ArrowRight");
      await at("at === 5");
      await page.evaluate("mediaKeys.seekbackward({})");
      await at("at === 0");
      await page.evaluate("mediaKeys.seekto({ seekTime: 3 })");
      await at("at === 3");
      await state("paused");
      await page.evaluate("mediaKeys.play({})");
      await at("at > 3.1");
      await page.evaluate("mediaKeys.pause({})");
      await state("paused");
      await page.evaluate("mediaKeys.play({})");
      await page.keyboard.press("End");
      await state("at the end");
      await system("paused");
      await page.keyboard.press("Space");
      await system("playing");
      // A field keeps its own keys.
      await page.locator("#url").press("Space");
      await page.locator("#url").press("Home");
      assert.equal(await page.locator("#url").inputValue(), " ");
      await system("playing");
    });
  },
);

browserTest(
  "the outline of a file that was cut off shows what is there",
  async () => {
    const bytes = longFile(40);
    await using server = await PlayerServer.open({ weights, device: "cpu" });
    await withPage(server.url, async (page) => {
      await setFile(page, "cut.ecdc", bytes.subarray(0, bytes.length - 22 * 379));
      const message = "document.getElementById('message').innerText";
      await waitUntil(page, `${message} === "The file is cut off: 0:18 of 0:40 is there"`);
      // Of each quarter of the picture, whether there are pixels in the upper half.
      const quarters = `[0, 1, 2, 3].map(k => {
      const { width, height } = wave;
      const { data } = wave.getContext("2d")
        .getImageData(Math.floor(k * width / 4) + 8, 8, width / 4 - 16, height / 2 - 16);
      return data.some(v => v > 0);
    }).join()`;
      await waitUntil(
        page,
        `(wave => ${quarters})(document.getElementById("wave")) ===
      "true,true,false,false"`,
      );
    });
  },
);

Deno.test("the server stops while a page is paused", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ecdc" });
  const model = "encodec_tiny_24khz";
  const header = formatHeader({ model, samples: 3600 * 24000, codebooks: 2 });
  await Deno.writeFile(file, await new Blob([header, new Uint8Array(3600 * 75 * 20 / 8)]).bytes());
  const server = await PlayerServer.open({ file, device: "cpu" });
  const named = new URLSearchParams({ source: file });
  const opened = await fetch(`${server.url}open?${named}`, { method: "POST" });
  const { id } = await opened.json();
  // Were the server to wait for the page, it would have to wait until this.
  const signal = AbortSignal.timeout(600_000);
  const { body } = await fetch(`${server.url}audio?id=${id}`, { signal });
  const reader = body!.getReader();
  await reader.read();
  await server[Symbol.asyncDispose]();
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  });
  assert.ok(!signal.aborted);
  await Deno.remove(file);
});

Deno.test("the server opens no file of this machine that was not named at its start", async () => {
  await using server = await PlayerServer.open();
  const open = async (source: string, headers = {}) => {
    const response = await fetch(`${server.url}open?${new URLSearchParams({ source })}`, {
      method: "POST",
      headers,
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await open("/etc/passwd"), 422);
  assert.equal(await open("file:///etc/passwd"), 422);
  assert.equal(await open("http://127.0.0.1:1/", { origin: "https://example.com" }), 403);
  const damaged = await fetch(`${server.url}open`, { method: "POST", body: "ECDX0000000" });
  assert.equal(damaged.status, 422);
  assert.match((await damaged.json()).message, /expected "ECDC"/);
});

/** A file of 48 kHz codes that is long, and quickly made. */
function longFile(seconds: number): Uint8Array<ArrayBuffer> {
  const header = formatHeader({ model: "encodec_48khz", samples: seconds * 48000, codebooks: 2 });
  const segments = Math.ceil(seconds * 48000 / 47520);
  const bytes = new Uint8Array(header.length + segments * 379);
  bytes.set(header);
  for (let k = 0; k < segments; k++) bytes.set([0x3e, 0x80, 0, 0], header.length + k * 379);
  return bytes;
}

const weights = syntheticCheckpoint("encodec_48khz");

/** Opens a source as a page does. */
async function openSource(server: PlayerServer, source: string) {
  const named = new URLSearchParams({ source });
  return await (await fetch(`${server.url}open?${named}`, { method: "POST" })).json();
}

Deno.test("a slow remote file is open after its header, and its outline comes as it does", async () => {
  const bytes = longFile(60);
  const rest = Promise.withResolvers<void>();
  const body = () =>
    new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(bytes.subarray(0, 1000));
        await rest.promise;
        controller.close();
      },
    });
  await using remote = Deno.serve({ port: 0, onListen: () => {} }, () => new Response(body()));
  await using server = await PlayerServer.open({ weights, device: "cpu" });
  const opened = await openSource(server, `http://127.0.0.1:${remote.addr.port}/a.ecdc`);
  assert.deepEqual([opened.segments, opened.duration], [61, 60]);
  const { body: outline } = await fetch(`${server.url}outline?id=${opened.id}`);
  const { value } = await outline!.getReader().read();
  assert.equal(new Float32Array(value!.slice(0, 4).buffer)[0], 0.25);
  rest.resolve();
});

Deno.test("fifty listeners that each open the file all hear it", async () => {
  const bytes = longFile(2);
  await using remote = Deno.serve({ port: 0, onListen: () => {} }, () => new Response(bytes));
  await using server = await PlayerServer.open({ weights, device: "cpu" });
  const url = `http://127.0.0.1:${remote.addr.port}/a.ecdc`;
  const uploads = Array.from({ length: 25 }, async () => {
    const sent = await fetch(`${server.url}open`, { method: "POST", body: bytes });
    return await sent.json();
  });
  const all = await Promise.all([
    ...uploads,
    ...Array.from({ length: 25 }, () => openSource(server, url)),
  ]);
  for (const { id } of all) {
    const response = await fetch(`${server.url}audio?id=${id}&from=2`);
    await response.body?.cancel();
    assert.equal(response.status, 200);
  }
});

Deno.test("playing that fails ends with the reason", async () => {
  const bytes = longFile(60);
  await using server = await PlayerServer.open({ weights, device: "cpu" });
  const body = bytes.subarray(0, bytes.length - 30 * 379);
  const { id } = await (await fetch(`${server.url}open`, { method: "POST", body })).json();
  const audio = await (await fetch(`${server.url}audio?id=${id}&from=50`)).bytes();
  assert.equal(new DataView(audio.buffer).getUint32(8, true), 0);
  assert.match(new TextDecoder().decode(audio.subarray(16)), /after 31 complete segments/);
});

Deno.test("a page that seeks ends what it heard before, and no other page's", async () => {
  await using server = await PlayerServer.open({ weights, device: "cpu" });
  const body = longFile(600);
  const { id } = await (await fetch(`${server.url}open`, { method: "POST", body })).json();
  const play = async (page: string) => {
    const { body } = await fetch(`${server.url}audio?id=${id}&page=${page}`);
    const reader = body!.getReader();
    await reader.read();
    return reader;
  };
  const [first, other] = [await play("a"), await play("b")];
  const newest = await play("a");
  const left = async () => {
    let bytes = 0;
    for (let next = await first.read(); !next.done; next = await first.read()) {
      bytes += next.value.length;
    }
    return bytes;
  };
  // A whole file is ten minutes of samples.
  assert.ok(await left().catch(() => 0) < 60 * 48000 * 4);
  assert.equal((await other.read()).done, false);
  await Promise.all([other.cancel(), newest.cancel()]);
});

browserTest("what a file says of itself is text, and nothing of it is done", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const title = "<script>globalThis.owned = 1</script><img src=x onerror='globalThis.owned = 2'>";
    const file = `${folder}/song.ecdc`;
    {
      await using sink = await fileSink(file);
      const writer = new EcdcWriter(sink, { model: "encodec_48khz", codebooks: 2, title });
      await writer.write({ codes: new Uint16Array(2 * 150), scale: 1 });
      await writer.close(48_000);
    }
    const weights = syntheticCheckpoint("encodec_48khz");
    await using server = await PlayerServer.open({ weights, device: "cpu" });
    await withPage(server.url, async (page) => {
      await page.locator("#file").setInputFiles(file);
      await page.locator("#player").waitFor({ state: "visible" });
      assert.equal(await page.locator("#title").textContent(), title);
      assert.equal(await page.locator("img, script:not([src])").count(), 0);
      await waitUntil(page, "globalThis.owned === undefined");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
