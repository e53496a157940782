import assert from "node:assert/strict";
import { makeClip, needsRtsp, type RtspServer, rtspServer } from "#testing/rtsp/server.ts";
import type { MediaError } from "../errors.ts";
import { hasFfmpeg } from "../ffmpeg/backends.ts";
import { type LiveEvent, liveFrames, openLive } from "./live_frames.ts";

const BACKENDS = ["node-av", "ffmpeg"] as const;

/** Clips of both codecs, some seconds long. */
async function clips(seconds?: number) {
  const folder = await Deno.makeTempDir();
  const [h264, h265] = [`${folder}/h264.mkv`, `${folder}/h265.mkv`];
  await Promise.all([makeClip(h264, "h264", seconds), makeClip(h265, "h265", seconds)]);
  const remove = () => Deno.remove(folder, { recursive: true });
  return { h264, h265, [Symbol.asyncDispose]: remove };
}

/** A frame of the clip's first third. */
function assertRed({ width, height, data }: { width: number; height: number; data: Uint8Array }) {
  assert.deepEqual([width, height, data.length], [64, 48, 64 * 48 * 3]);
  const [red, green, blue] = data;
  assert(red! > 240 && green! < 16 && blue! < 16, `the first pixel is ${[red, green, blue]}`);
}

Deno.test({
  name: "live: H.264 and H.265 over TCP and UDP by both backends",
  ...needsRtsp,
  async fn() {
    await using files = await clips();
    const { h264, h265 } = files;
    const mounts = { "/h264": h264, "/h265": h265, "/udp": `${h264}:udp` };
    await using server = await rtspServer({ mounts });
    const urls = ["rtsp://HOST/h264", "rtspt://HOST/h265", "rtspu://HOST/h264", "rtsp://HOST/udp"];
    const tries = BACKENDS.flatMap((backend) => urls.map((url) => [backend, url] as const));
    await Promise.all(tries.map(async ([backend, url]) => {
      const shown = url.replace("HOST", `127.0.0.1:${server.port}`);
      await using live = await openLive(shown, { backend, capacity: 20 });
      const { codec, width, height, backend: used } = live.info;
      assert.deepEqual([codec, used], [url.endsWith("h265") ? "hevc" : "h264", backend]);
      assert.deepEqual([width, height, live.url], [64, 48, shown]);
      let count = 0;
      for await (const frame of live.frames) {
        assertRed(frame);
        if (++count === 3) break;
      }
      assert.equal(count, 3, url);
    }));
  },
});

Deno.test({
  name: "live: a server that is killed and comes back goes on; no event holds its password",
  ...needsRtsp,
  async fn() {
    await using files = await clips();
    const start = (port?: number) =>
      rtspServer({ mounts: { "/a": files.h264 }, login: "user:pass", ...(port && { port }) });
    let server: RtspServer = await start();
    const { port } = server;
    const url = `rtsp://user:pass@127.0.0.1:${port}/a`;
    const stop = new AbortController();
    const events: LiveEvent[] = [];
    const refused = Promise.withResolvers<void>();
    const onEvent = (event: LiveEvent) => {
      events.push(event);
      if (event.type === "lost" && /refused/.test(event.error.message)) refused.resolve();
    };
    const came = BACKENDS.map(() => Promise.withResolvers<void>());
    const again = BACKENDS.map(() => Promise.withResolvers<void>());
    const watches = BACKENDS.map(async (backend, i) => {
      let connections = 0;
      const counted = (event: LiveEvent) => {
        if (event.type === "connected") connections++;
        onEvent(event);
      };
      const options = { backend, onEvent: counted, signal: stop.signal, reconnectDelay: 0.2 };
      for await (const frame of liveFrames(url, options)) {
        assertRed(frame);
        (connections === 1 ? came : again)[i]!.resolve();
      }
    });
    try {
      await Promise.all(came.map(({ promise }) => promise));
      await server[Symbol.asyncDispose]();
      await refused.promise;
      server = await start(port);
      await Promise.all(again.map(({ promise }) => promise));
    } finally {
      stop.abort();
      await server[Symbol.asyncDispose]();
      await Promise.all(watches);
    }
    const text = JSON.stringify(events.map((e) => e.type === "lost" ? e.error.message : e));
    assert(text.includes(`rtsp://127.0.0.1:${port}/a`) && !/user|pass\b/.test(text), text);
  },
});

Deno.test({
  name: "live: an end of the stream is a loss; a wrong password and a wrong path are said",
  ...needsRtsp,
  async fn() {
    await using files = await clips(3);
    await using server = await rtspServer({ mounts: { "/a": files.h264 }, login: "user:pass" });
    const host = `127.0.0.1:${server.port}`;
    await Promise.all(BACKENDS.map(async (backend) => {
      const read = (url: string) => Array.fromAsync(liveFrames(url, { backend, retries: 0 }));
      await assert.rejects(read(`rtsp://user:pass@${host}/a`), {
        code: "connection-lost",
        message: `Cannot go on reading rtsp://${host}/a: the source ended the stream`,
      });
      await assert.rejects(read(`rtsp://user:other@${host}/a`), (error: MediaError) => {
        assert.match(error.message, /401 Unauthorized/);
        assert(!/user:|other/.test(error.message), error.message);
        return error.code === "connection-lost";
      });
      await assert.rejects(read(`rtsp://user:pass@${host}/b`), /404 Not Found/);
    }));
  },
});

/** A server that takes connections and says nothing. */
function silentServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connected = Promise.withResolvers<void>();
  const connections: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      connected.resolve();
    }
  })();
  const end = async () => {
    listener.close();
    await serving;
    for (const connection of connections) connection.close();
  };
  const { port } = listener.addr as Deno.NetAddr;
  return { port, connected: connected.promise, [Symbol.asyncDispose]: end };
}

for (const backend of BACKENDS) {
  const ignore = backend === "ffmpeg" && !await hasFfmpeg();
  Deno.test({
    name: `live: a server that says nothing is given up in time, and left at once (${backend})`,
    ignore,
    async fn() {
      await using server = silentServer();
      const url = `rtsp://user:pass@127.0.0.1:${server.port}/a`;
      await assert.rejects(
        openLive(url, { backend, frameTimeout: 0.3 }),
        { message: `Cannot read rtsp://127.0.0.1:${server.port}/a: no answer for 0.3 s` },
      );
    },
  });

  Deno.test({
    name: `live: a password in a query is in no error (${backend})`,
    ignore,
    async fn() {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr as Deno.NetAddr;
      listener.close();
      const url = `rtsp://127.0.0.1:${port}/a?pwd=secret`;
      await assert.rejects(openLive(url, { backend }), (error: MediaError) => {
        assert.match(error.message, /a\?pwd=\*\*\*: .*Connection refused/);
        assert.doesNotMatch(error.message, /secret/);
        return error.code === "connection-lost";
      });
    },
  });

  Deno.test({
    name: `live: an abort ends the wait for an answer (${backend})`,
    ignore,
    async fn() {
      await using server = silentServer();
      const stop = new AbortController();
      const options = { backend, frameTimeout: 1e6, signal: stop.signal };
      const reading = Array.fromAsync(
        liveFrames(`rtsp://127.0.0.1:${server.port}/a`, options),
      );
      await server.connected;
      stop.abort();
      assert.deepEqual(await reading, []);
    },
  });
}
