/** A real browser as one end, and a link that is cut in between. */
import assert from "node:assert/strict";
import { hasBrowser, withPage } from "#testing/browser.ts";
import { bundle, hasBundler } from "#testing/bundle.ts";
import { needs } from "#testing/shared.ts";
import type { AssetList } from "../../site/assets.ts";
import { message, newStreamId } from "../../message.ts";
import { Site } from "../../site/site.ts";
import { SocketListener } from "../../site/socket.ts";
import { FaultProxy } from "../../testing/fault_proxy.ts";
import { freePort } from "../../site/free_port.ts";
import { openReceiverAt, openSenderAt } from "./listen.ts";

const COUNT = 40;
const SIZE = 50_000;
const SECRET = "both know it";

/** A page with what runs everywhere, as browsers load it. */
async function makePage(): Promise<AssetList> {
  const folder = await Deno.makeTempDir();
  const modules = ["packages/transport/portable.ts", "packages/transport/message.ts"];
  await bundle(modules, folder);
  const assets: Record<string, string> = {
    "/":
      `<!DOCTYPE html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`,
    "/page.js": `import * as channel from "./portable.js";
import * as message from "./message.js";
globalThis.vcs = { ...channel, ...message };`,
  };
  for await (const { name } of Deno.readDir(folder)) {
    assets[`/${name}`] = await Deno.readTextFile(`${folder}/${name}`);
  }
  await Deno.remove(folder, { recursive: true });
  return assets;
}

/** A site with a page and a channel at `/windows`, behind a link that can be cut. */
async function openSite() {
  const stack = new AsyncDisposableStack();
  const listener = new SocketListener();
  const port = freePort();
  const proxy = stack.use(new FaultProxy(port));
  const names = [`127.0.0.1:${proxy.port}`];
  stack.use(
    await Site.open({
      port,
      names,
      assets: await makePage(),
      routes: { "GET /windows": listener },
    }),
  );
  const at = new URL(`ws://127.0.0.1:${port}/windows`);
  const page = `http://127.0.0.1:${proxy.port}/`;
  return { at, listener, proxy, page, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** What the page does, as text: types of the DOM are not known here. */
const OPENED = (end: string) => `
  while (!globalThis.vcs) await new Promise((resolve) => setTimeout(resolve, 10));
  const end = vcs.openSocket${end}("ws://" + location.host + "/windows", { secret: "${SECRET}" });`;

function pageTest(name: string, fn: () => Promise<void>): void {
  const sanitizers = { sanitizeOps: false, sanitizeResources: false };
  Deno.test({ name, ...needs(hasBrowser, hasBundler), ...sanitizers, fn });
}

pageTest("ws: a browser sends, and goes on where the link was cut", async () => {
  await using site = await openSite();
  await using receiver = openReceiverAt(site.at, site.listener, { secret: SECRET });
  const script = `(async () => {${OPENED("Sender")}
      const streamId = vcs.newStreamId();
      for (let sequence = 0; sequence < ${COUNT}; sequence++) {
        const payload = new Uint8Array(${SIZE}).fill(sequence);
        const isEnd = sequence === ${COUNT - 1};
        await end.send(vcs.message(payload, { streamId, sequence, end: isEnd }));
      }
      await end.flush();
      await end.close();
      return end.counters;
    })()`;
  const counters = await withPage(site.page, async (page) => {
    const sending = page.evaluate<Record<string, number>>(script);
    sending.catch(() => void receiver.close()); // Awaited below.
    const seen: number[] = [];
    for await (const { sequence, payload } of receiver) {
      seen.push(sequence);
      assert.ok(payload.length === SIZE && payload.every((byte) => byte === sequence));
      if (sequence === 10 || sequence === 20) site.proxy.cut();
    }
    assert.deepEqual(seen, [...Array(COUNT).keys()]);
    await receiver.close();
    return await sending;
  });
  const { sent, acknowledged, unsent, mostInFlight } = counters;
  assert.deepEqual([sent, acknowledged, unsent], [COUNT, COUNT, 0]);
  assert.ok(mostInFlight! <= 3);
  assert.ok(counters.connections! >= 3, `${counters.connections} connections`);
});

pageTest("ws: a browser receives, and goes on where the link was cut", async () => {
  await using site = await openSite();
  await using sender = openSenderAt(site.at, site.listener, { secret: SECRET });
  const script = `(async () => {${OPENED("Receiver")}
      const seen = [];
      for await (const { sequence, payload } of end) {
        seen.push(payload.every((byte) => byte === sequence) ? sequence : "damaged");
      }
      await end.close();
      return [seen, end.counters.duplicates];
    })()`;
  const [seen, duplicates] = await withPage(site.page, async (page) => {
    const receiving = page.evaluate<[number[], number]>(script);
    receiving.catch(() => void sender.close()); // Awaited below.
    const streamId = newStreamId();
    for (let sequence = 0; sequence < COUNT; sequence++) {
      const payload = new Uint8Array(SIZE).fill(sequence);
      await sender.send(message(payload, { streamId, sequence, end: sequence === COUNT - 1 }));
      if (sequence === 10 || sequence === 20) site.proxy.cut();
    }
    await sender.flush();
    return await receiving;
  });
  assert.deepEqual(seen, [...Array(COUNT).keys()]);
  assert.equal(duplicates, 0);
  assert.ok(sender.counters.connections >= 3);
});
