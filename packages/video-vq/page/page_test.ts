import { syntheticCheckpoint } from "../official/synthetic.ts";
import assert from "node:assert/strict";
import { browserTest, waitUntil, withPage } from "#testing/browser.ts";
import { ReceiverServer } from "./receiver_server.ts";

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
        const formula = await page.textContent("#formula");
        assert.match(formula ?? "", /1\.417 s to fill a window .* = \d/);
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
