/**
 * Sends a sound to a page that decodes it: `deno run -A examples/browser/live.ts SOUND [FOLDER]`
 * builds the pages, serves `listen.html` and the channel that it receives from.
 *
 * @module
 */
import { extname, join } from "node:path";
import { Encoder, LiveSender } from "@vcs/encodec-stream";
import { openAudio } from "@vcs/media";
import type { Sender } from "@vcs/transport/channel";
import { openSenderAt, say, Site, type SiteOptions, SocketListener } from "@vcs/transport/internal";
import { buildPages } from "./build.ts";

const [MODEL, CODEBOOKS] = ["encodec_tiny_24khz", 8] as const;

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** WebAssembly is compiled in the page, which nothing else may do. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:";

/** A file of the pages' folder. */
async function fileOf(folder: string, name = ""): Promise<Response> {
  const isName = /^[\w-][\w.-]*$/.test(name);
  const bytes = isName ? await Deno.readFile(join(folder, name)).catch(() => undefined) : undefined;
  if (bytes === undefined) return new Response(undefined, { status: 404 });
  const type = TYPES[extname(name)] ?? "application/octet-stream";
  return new Response(bytes, {
    headers: { "content-type": type, "content-security-policy": POLICY },
  });
}

/** A site with the pages, and the sender of the one that listens. */
export interface LiveSite extends AsyncDisposable {
  /** URL of `listen.html`. */
  readonly url: string;
  /** Sends to whoever has the page open: one at a time, as a channel has one receiver. */
  readonly sender: Sender;
}

/** Serves the pages of a folder, with a channel at `/sound`. */
export async function openLiveSite(
  folder: string,
  options: Pick<SiteOptions, "port" | "names"> = {},
): Promise<LiveSite> {
  const listener = new SocketListener();
  const routes = {
    "GET /sound": listener,
    "GET /:name": ({ groups }: { groups: Readonly<Record<string, string | undefined>> }) =>
      fileOf(folder, groups.name),
  };
  const site = await Site.open({ ...options, routes });
  const at = new URL("/sound", site.url.replace(/^http/, "ws"));
  const sender = openSenderAt(at, listener, { timeout: Infinity });
  return {
    url: new URL("listen.html", site.url).href,
    sender,
    async [Symbol.asyncDispose]() {
      await sender.close();
      await site[Symbol.asyncDispose]();
    },
  };
}

/** Encodes a sound as fast as it is heard: the channel holds back what the page has no room for. */
async function send(path: string, sender: Sender): Promise<number> {
  using encoder = await Encoder.open(MODEL, CODEBOOKS);
  const { sampleRate, channels } = encoder.spec;
  await using audio = await openAudio(path, { sampleRate, channels });
  const live = new LiveSender(sender, { model: MODEL, codebooks: CODEBOOKS, sampleRate });
  return await live.run(encoder.encode(live.captured(audio), { lowLatency: true })) / sampleRate;
}

if (import.meta.main) {
  const [path, folder = "demo/browser"] = Deno.args;
  if (path === undefined) throw new TypeError("Cannot send: expected a file of sound");
  await buildPages(folder);
  await using site = await openLiveSite(folder);
  say(`The page is at ${site.url}`);
  const seconds = await send(path, site.sender);
  say(`${seconds.toFixed(1)} s were received, ${site.sender.counters.acknowledged} messages`);
}
