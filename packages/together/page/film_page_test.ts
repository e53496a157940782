import { ManualClock } from "@vcs/transport";
import assert from "node:assert/strict";
import { browserTest, waitUntil, withPage } from "#testing/browser.ts";
import { until } from "../../transport/testing/waits.ts";
import { SOUND } from "../film/film_receiver.ts";
import { flashes, FPS, SIDE } from "../testing/claps.ts";
import { pictureMessage, soundMessage } from "./film_message.ts";
import { FilmPage } from "./film_page.ts";

const rest = { index: 0, capturedAt: 0, decodedAt: 0, frameRate: [FPS, 1] as const };
const piece = (length: number) => [0, 1].map(() => new Float32Array(length).fill(0.1));

browserTest("page: a click plays what comes, picture by picture", async () => {
  await using page = await FilmPage.open();
  await withPage(page.url, async (browser) => {
    await browser.click("#play");
    await until(() => page.viewers === 1);
    const sending = (async () => {
      for (const frame of flashes()) {
        if (frame.pts >= 1.5) return;
        await page.frame({ ...frame, ...rest }, frame.pts);
        await page.sound(piece(SOUND.sampleRate / FPS), frame.pts);
      }
    })();
    await waitUntil(browser, `document.getElementById("screen").width === ${SIDE}`);
    await waitUntil(browser, `/^\\d+\\.\\d s$/.test(document.getElementById("state").textContent)`);
    await sending;
  });
});

Deno.test("page: a film is sent no faster than it plays, and when it stood still it goes on at once", async () => {
  const clock = new ManualClock();
  await using page = await FilmPage.open({ clock });
  const [frame] = flashes();
  const log: number[] = [];
  const send = (second: number) =>
    page.frame({ ...frame!, ...rest }, second).then(() => void log.push(second));
  await send(0);
  await send(1);
  const later = send(2.5);
  await clock.advance(1400);
  assert.deepEqual(log, [0, 1]);
  await clock.advance(100);
  await later;
  assert.deepEqual(log, [0, 1, 2.5]);
  await clock.advance(60_000);
  await send(2.6);
  const next = send(4);
  await clock.advance(300);
  assert.deepEqual(log, [0, 1, 2.5, 2.6]);
  await clock.advance(200);
  await next;
});

Deno.test("page: it is over when all was heard", async () => {
  const clock = new ManualClock();
  await using page = await FilmPage.open({ clock });
  await page.played();
  await page.sound(piece(SOUND.sampleRate), 0);
  let isOver = false;
  const over = page.played().then(() => isOver = true);
  await clock.advance(2900);
  assert.equal(isOver, false);
  await clock.advance(200);
  await over;
});

browserTest(
  "page: its player schedules on the clock of the sound; pictures that are late are left out",
  async () => {
    await using page = await FilmPage.open();
    await withPage(page.url, async (browser) => {
      const run = `(async () => {
      const { Player } = await import("/player.js");
      const started = [];
      const context = {
        currentTime: 10,
        destination: {},
        createBuffer: () => ({ copyToChannel() {} }),
        createBufferSource: () => ({ connect() {}, start: (at) => started.push(at) }),
      };
      const shown = [];
      const player = new Player(context, ({ second }) => shown.push(second), 0.5);
      const sound = (second) => player.push({ second, rate: 8, planes: [new Float32Array(8)] });
      player.push({ second: 1, rgb: [] });
      sound(1);
      player.push({ second: 1.04, rgb: [] });
      player.push({ second: 1.08, rgb: [] });
      const at = (time) => {
        context.currentTime = time;
        player.show();
      };
      at(10.4);
      at(10.5);
      at(10.6);
      player.push({ second: 0.9, rgb: [] }); // late, and moves nothing
      at(10.61);
      context.currentTime = 13;
      sound(2); // late: all goes on half a second from now
      player.push({ second: 2, rgb: [] });
      at(13.49);
      at(13.5);
      return { started, shown };
    })()`;
      assert.deepEqual(await browser.evaluate(run), {
        started: [10.5, 13.5],
        shown: [1, 1.08, 0.9, 2],
      });
    });
  },
);

Deno.test("page: messages have their kind, second, size and content", () => {
  const picture = pictureMessage(
    { width: 1, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    1.5,
  );
  const view = new DataView(picture.buffer);
  assert.deepEqual([view.getUint8(0), view.getFloat64(8, true)], [0, 1.5]);
  assert.deepEqual([view.getUint32(16, true), view.getUint32(20, true)], [1, 2]);
  assert.deepEqual([...picture.subarray(24)], [1, 2, 3, 4, 5, 6]);
  const planes = [Float32Array.of(0, 2), Float32Array.of(-1, 0.5)];
  const sound = soundMessage(planes, 8000, 2);
  assert.deepEqual([...new Int16Array(sound.buffer, 24)], [0, -32767, 32767, 16384]);
  assert.deepEqual([sound[0], new DataView(sound.buffer).getUint32(16, true)], [1, 8000]);
});
