/**
 * How long the player is silent after thirty quick clicks into an hour's outline, in a real browser:
 *
 *     deno run -A bench/encodec-stream_seeks.ts [ROUNDS]
 *
 * The file is given by the page, or lies on a server whose answers take 50 ms. Clicks come 30 ms
 * apart, of which the page asks the server for few but the last, and 50 and 150 ms apart, of which it
 * asks for each. The weights of the models of full size are random: they take as long as trained ones.
 *
 * First of all it says what a seek costs the server in processor time, alone and behind one that was
 * given up at any moment: that does not depend on what else the machine does.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { Page } from "playwright-core";
import { formatHeader, type ModelName, modelSpec } from "@vcs/encodec-stream";
import { syntheticCheckpoint } from "@vcs/encodec-stream/internal";
import { print } from "@vcs/transport/internal";
import { systemClock } from "@vcs/transport/portable";
import { openBrowser, openPage, waitUntil } from "#testing/browser.ts";
import { PlayerServer } from "../packages/encodec-stream/page/player_server.ts";

const SECONDS = 3600;
const CODEBOOKS = 4;
const CLICKS = 30;
const ROUND_TRIP = 50;

/** An hour of a model's codes, all of them one, in segments of a loudness where it has them. */
function hour(model: ModelName): Uint8Array<ArrayBuffer> {
  const spec = modelSpec(model);
  const samples = SECONDS * spec.sampleRate;
  const header = formatHeader({ model, samples, codebooks: CODEBOOKS });
  const { segmentation, hop, codeBits } = spec;
  const frames = Math.ceil((segmentation?.length ?? samples) / hop);
  const segment = new Uint8Array(
    (segmentation ? 4 : 0) + Math.ceil(frames * CODEBOOKS * codeBits / 8),
  );
  segment.fill(0x55, 0);
  if (segmentation) segment.set([0x3e, 0x80, 0, 0]);
  const segments = segmentation ? Math.ceil(samples / segmentation.stride) : 1;
  const file = new Uint8Array(header.length + segments * segment.length);
  file.set(header);
  for (let k = 0; k < segments; k++) file.set(segment, header.length + k * segment.length);
  return file;
}

/** A server of one file, all whose answers come late. */
function serve(bytes: Uint8Array<ArrayBuffer>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async ({ headers }) => {
    await systemClock.sleep(ROUND_TRIP);
    const [, from, to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
    if (from === undefined) return new Response(bytes);
    const part = bytes.slice(Number(from), to ? Number(to) + 1 : undefined);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    return new Response(part, { status: 206, headers: { "content-range": range } });
  });
}

const FIRST = "document.getElementById('first')";

/** Milliseconds from the last of some clicks to the first sound after it. */
async function silence(page: Page, clicks: number, gap: number): Promise<number> {
  const box = (await page.locator("#wave").boundingBox())!;
  for (let left = clicks; left > 0; left--) {
    await page.mouse.click(box.x + box.width * (0.05 + 0.9 * Math.random()), box.y + 30);
    if (left > 1) await page.waitForTimeout(gap);
  }
  await waitUntil(page, `${FIRST}.textContent !== ""`);
  return parseInt(await page.locator("#first").innerText());
}

async function measure(page: Page, what: string, rounds: number): Promise<void> {
  // Each click forgets what the one before it waited for.
  const forget = `${FIRST}.textContent = ""`;
  await page.evaluate(`document.getElementById("wave").addEventListener("click", () => ${forget})`);
  await page.locator("#play").click();
  await waitUntil(page, "document.getElementById('state').innerText === 'playing'");
  for (const [clicks, gap] of [[1, 0], [CLICKS, 30], [CLICKS, 50], [CLICKS, 150]] as const) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // Decoding of what is heard goes on for as long as ten seconds are not buffered.
      await page.waitForTimeout(500);
      times.push(await silence(page, clicks, gap));
    }
    times.sort((a, b) => a - b);
    const [least, middle, most] = [times[0], times[Math.floor(rounds / 2)], times.at(-1)];
    const after = clicks === 1 ? "one click" : `${clicks} clicks, ${gap} ms apart`;
    print(`${what}: sound ${middle} ms after ${after} (${least} to ${most}, ${rounds} times)`);
  }
}

async function measureModel(model: ModelName, rounds: number): Promise<void> {
  const bytes = hour(model);
  const path = await Deno.makeTempFile({ suffix: ".ecdc" });
  await Deno.writeFile(path, bytes);
  await using remote = serve(bytes);
  const weights = model === "encodec_tiny_24khz" ? {} : { weights: syntheticCheckpoint(model) };
  await using server = await PlayerServer.open({ device: "cpu", ...weights });
  await using browser = await openBrowser();
  const page = await openPage(browser, { viewport: { width: 900, height: 700 } });
  for (const source of ["given by the page", `on a server ${ROUND_TRIP} ms away`]) {
    await page.goto(server.url);
    if (source.startsWith("given")) await page.locator("#file").setInputFiles(path);
    else {
      await page.locator("#url").fill(`http://127.0.0.1:${remote.addr.port}/hour.ecdc`);
      await page.locator("#url").press("Enter");
    }
    await page.locator("#player").waitFor({ state: "visible" });
    await measure(page, `${model}, ${source}`, rounds);
  }
  await Deno.remove(path);
}

/** Milliseconds of processor time of this process so far. */
function processor(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** Waits until nothing is decoded. */
async function quiet(): Promise<void> {
  let before = -Infinity;
  for (let now = processor(); now - before > 15; now = processor()) {
    before = now;
    await systemClock.sleep(300);
  }
}

/** Says what a seek costs, alone and behind one that was given up. */
async function measureCost(model: ModelName, rounds: number): Promise<void> {
  await using server = await PlayerServer.open({
    weights: syntheticCheckpoint(model),
    device: "cpu",
  });
  const opened = await fetch(`${server.url}open`, { method: "POST", body: hour(model) });
  const { id } = await opened.json();
  const seek = async (signal?: AbortSignal) => {
    const query = `id=${id}&page=1&from=${SECONDS * Math.random()}`;
    const { body } = await fetch(`${server.url}audio?${query}`, { signal: signal ?? null });
    const reader = body!.getReader();
    await reader.read();
    return reader;
  };
  const cost = async () => {
    const before = processor();
    const reader = await seek();
    const spent = processor() - before;
    await reader.cancel();
    await quiet();
    return spent;
  };
  const [alone, behind]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    const first = await cost();
    const given = new AbortController();
    const [before, ended] = [processor(), seek(given.signal).catch(() => {})];
    while (processor() - before < 50 + 400 * Math.random()) await systemClock.sleep(5);
    given.abort();
    await ended;
    const second = await cost();
    // The first round opens the model.
    if (round >= 0) [alone, behind].forEach((all, i) => all.push([first, second][i]!));
  }
  const middle = (all: number[]) =>
    all.sort((a, b) => a - b)[Math.floor(all.length / 2)]!.toFixed(0);
  print(
    `${model}: a seek takes ${middle(alone)} ms of processor time, ` +
      `behind one that was given up ${middle(behind)} ms (${rounds} times)`,
  );
}

const rounds = Number(Deno.args[0] ?? 10);
await measureCost("encodec_48khz", rounds);
for (const model of ["encodec_48khz", "encodec_24khz", "encodec_tiny_24khz"] as const) {
  await measureModel(model, rounds);
}
