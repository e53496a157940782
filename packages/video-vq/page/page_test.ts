import { syntheticCheckpoint } from "../official/synthetic.ts";
import assert from "node:assert/strict";
import { browserTest, waitUntil, withPage } from "#testing/browser.ts";
import { freePort } from "../../transport/site/free_port.ts";
import { ReceiverServer } from "./receiver_server.ts";
import { runSender } from "./sender.ts";

/** Whether a canvas shows more than one colour. */
const isAlive = (id: string) =>
  `(() => {
  const canvas = document.getElementById("${id}");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size > 8;
})()`;

browserTest(
  "page: two processes, source and reconstruction side by side, with figures",
  async () => {
    const folder = await Deno.makeTempDir();
    const model = `${folder}/small.safetensors`;
    await Deno.writeFile(model, syntheticCheckpoint());
    const abort = new AbortController();
    try {
      await using server = await ReceiverServer.open({
        site: { port: 0 },
        listen: "tcp://127.0.0.1:0",
        senderArgs: ["--weights", model, "--device", "cpu", "--size", "32", "--fps", "12"],
        model,
        device: "cpu",
      });
      const running = server.run(abort.signal);
      // The server cannot be closed while it runs.
      await using _stop = {
        async [Symbol.asyncDispose]() {
          abort.abort();
          await running;
        },
      };
      await withPage(server.url, async (page) => {
        await waitUntil(page, isAlive("source"));
        await waitUntil(page, isAlive("copy"));
        await waitUntil(page, `/kbit/.test(document.getElementById("bitrate").textContent)`);
        await waitUntil(page, `/dB/.test(document.getElementById("psnr").textContent)`);
        await waitUntil(page, `/\\d s$/.test(document.getElementById("delay").textContent)`);
        const about = await page.textContent("#about");
        assert.match(about ?? "", /drawn scene → Open-MAGVIT2 video encoder/);
        const formula = await page.textContent("#formula") ?? "";
        assert.match(formula, /: \d\.\d{3} s to fill a window .* = \d/);
        const terms = [...formula.matchAll(/(\d+\.\d{3}) s/g)].map(([, text]) => Number(text));
        const sum = terms.pop()!;
        assert.equal(terms.length, 5, formula);
        assert.ok(Math.abs(terms.reduce((a, b) => a + b) - sum) < 0.005, formula);
        // As measured: the last of 17 frames comes 16 twelfths of a second after the first.
        assert.ok(terms[0]! > 16 / 12 - 0.05, formula);
        const decoded = await page.textContent("#row-decode");
        assert.match(decoded ?? "", /[1-9]\d* windows/);
        const screenshot = Deno.env.get("VCS_SCREENSHOTS");
        if (screenshot) await page.screenshot({ path: `${screenshot}/video-vq.png` });
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** Runs until the scope is left, and has ended then. */
function untilLeft(run: (stop: AbortSignal) => Promise<void>): AsyncDisposable {
  const abort = new AbortController();
  const running = run(abort.signal).catch((error) => {
    if (!abort.signal.aborted) throw error; // a channel that is left says so
  });
  running.catch(() => {}); // told when the scope is left
  return {
    async [Symbol.asyncDispose]() {
      abort.abort();
      await running;
    },
  };
}

browserTest(
  "page: a sender of another shape goes and is back; who comes late sees both",
  async () => {
    const [port, feed] = [freePort(), freePort()];
    const channel = `tcp://127.0.0.1:${port}`;
    await using server = await ReceiverServer.open({
      site: { port: 0 },
      listen: channel,
      senderPage: `http://127.0.0.1:${feed}/`,
      senderArgs: [],
      model: "vq-tiny",
      device: "cpu",
      size: { width: 48, height: 24 },
    });
    const send = () =>
      untilLeft((stop) =>
        runSender({
          to: channel,
          model: "vq-tiny",
          device: "cpu",
          size: { width: 48, height: 24 },
          fps: 12,
          payload: "range",
          site: { port: feed },
        }, stop)
      );
    await using _server = untilLeft((stop) => server.run(stop));
    const hasPair = `/dB/.test(document.getElementById("psnr").textContent)`;
    await withPage(server.url, async (page) => {
      {
        await using _sender = send();
        await waitUntil(page, hasPair);
        await withPage(server.url, async (late) => {
          await waitUntil(late, isAlive("source"));
          await waitUntil(late, isAlive("copy"));
          await waitUntil(late, hasPair);
          const wide = await late.locator("#copy").boundingBox();
          assert(Math.abs(wide!.width / wide!.height - 2) < 0.02, JSON.stringify(wide));
        }, { width: 390 });
      }
      await page.evaluate(`document.getElementById("psnr").textContent = ""`);
      await using _again = send();
      await waitUntil(page, hasPair);
    });
  },
);
