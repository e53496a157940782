import assert from "node:assert/strict";
import { join } from "node:path";
import { type Dashboard, type DashboardOptions, serveDashboard } from "./dashboard.ts";
import { DriftTracker } from "../drift.ts";
import { Hub } from "./hub.ts";
import { fileFrame } from "../source.ts";
import type { WatchedFrame } from "../watch.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xd9);

const PICTURE = {
  ...{ dark: 0, covered: 0, blurred: 0, moved: 0, turned: 0, frozen: 0 },
};

function watched(index: number): WatchedFrame {
  const embedding = Float32Array.of(1, index);
  const tracker = new DriftTracker();
  return {
    ...{
      index,
      timestamp: 1e9 + index,
      embedding,
      row: { ...tracker.push(embedding, index), ...PICTURE },
    },
    ...{
      alerts: [],
      hasContent: true,
      duplicate: false,
      recent: tracker.recent,
      total: tracker.total,
    },
    frame: fileFrame(JPEG, 0),
  };
}

async function served(
  options: DashboardOptions,
  test: (page: Dashboard, hub: Hub) => Promise<void>,
): Promise<void> {
  const hub = new Hub(3);
  hub.add("front door");
  await using page = await serveDashboard(hub, options);
  await test(page, hub);
}

const status = async (url: string, headers: Record<string, string> = {}, path = "/") => {
  const response = await fetch(new URL(path, url), { headers });
  await response.body?.cancel();
  return response.status;
};

/** Status of a request whose Host header is chosen; fetch would not send it. */
async function statusOfHost(port: number, host: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const bytes = new Uint8Array(64);
  const read = await connection.read(bytes);
  return Number(new TextDecoder().decode(bytes.subarray(0, read ?? 0)).split(" ")[1]);
}

/** The first messages of a viewer. */
function messages(url: string, count: number): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const got: unknown[] = [];
    const socket = new WebSocket(new URL("/live", url.replace("http", "ws")));
    socket.binaryType = "arraybuffer";
    socket.onerror = () => reject(new Error("refused"));
    socket.onmessage = ({ data }) => {
      got.push(typeof data === "string" ? JSON.parse(data) : [...new Uint8Array(data)]);
      if (got.length < count) return;
      // More may come until it is closed.
      socket.onclose = () => resolve(got.slice(0, count));
      socket.close();
    };
  });
}

Deno.test("the page and its files are served with strict headers", async () => {
  await served({}, async (page) => {
    const response = await fetch(page.url);
    assert.match(await response.text(), /<title>clip-drift/);
    assert.match(response.headers.get("content-security-policy")!, /default-src 'self'/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    for (const path of ["/page.js", "/page.css", "/plot.js", "/plot.css"]) {
      assert.equal(await status(page.url, {}, path), 200, path);
    }
    for (const path of ["/none", "/picture/0.jpg", "/picture/7.jpg", "/api/runs", "/page.html"]) {
      assert.equal(await status(page.url, {}, path), 404, path);
    }
    assert.equal(await status(page.url, {}, "/live"), 426);
  });
});

Deno.test("a late joiner gets the history, the notes and the last frame", async () => {
  await served({ model: "gist on cpu" }, async (page, hub) => {
    const feed = hub.feeds[0]!;
    for (let i = 0; i < 5; i++) feed.frame(watched(i));
    feed.note("alert", "cut");
    feed.show(JPEG);
    const [hello, frame] = await messages(page.url, 2) as [
      { cameras: { points: number[][]; notes: { text: string }[]; view: { index: number } }[] },
      number[],
    ];
    const [camera] = hello.cameras;
    assert.deepEqual(camera!.points.map(([time]) => time), [1e9 + 2, 1e9 + 3, 1e9 + 4]);
    assert.equal(camera!.notes[0]!.text, "cut");
    assert.equal(camera!.view.index, 4);
    assert.deepEqual(frame, [0, ...JPEG]);
    assert.equal(await status(page.url, {}, "/picture/0.jpg"), 200);
  });
});

Deno.test("viewers get what happens, and are gone when they leave", async () => {
  await served({}, async (page, hub) => {
    const feed = hub.feeds[0]!;
    const timer = setInterval(() => feed.frame(watched(7)), 5);
    const got = await messages(page.url, 3) as { type: string }[];
    clearInterval(timer);
    assert.deepEqual(got.map(({ type }) => type), ["hello", "frame", "frame"]);
    while (hub.viewers > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

Deno.test("viewers are greeted anew when there are other cameras", async () => {
  await served({}, async (page, hub) => {
    const late = messages(page.url, 3);
    while (hub.viewers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const yard = hub.add("yard");
    hub.remove(hub.feeds[0]!);
    yard.show(JPEG);
    const seen = await late as (number[] | { cameras: { view: { name: string } }[] })[];
    const names = seen.map((one) =>
      Array.isArray(one) ? one[0] : one.cameras.map(({ view }) => view.name).join()
    );
    assert.equal(names[0], "front door");
    assert.ok(names.includes("yard"), `${names}`);
    assert.equal(await status(page.url, {}, "/picture/1.jpg"), 200);
    assert.equal(await status(page.url, {}, "/picture/0.jpg"), 404);
  });
});

Deno.test("/health and /metrics report the state of the cameras", async () => {
  await served({}, async (page, hub) => {
    const health = async () => await (await fetch(new URL("/health", page.url))).json();
    assert.equal((await health()).status, "down");
    hub.feeds[0]!.frame(watched(9));
    assert.equal((await health()).status, "ok");
    assert.equal((await health()).cameras[0].index, 9);
    const metrics = await (await fetch(new URL("/metrics", page.url))).text();
    assert.match(metrics, /^clip_drift_moved\{camera="front door",id="0"\} 0$/m);
    assert.match(metrics, /^clip_drift_last_frame_age_seconds\{camera="front door",id="0"\} \d/m);
    assert.doesNotMatch(metrics, /^clip_drift_mmd\{/m);
    assert.match(metrics, /^# TYPE clip_drift_frames_total counter$/m);
    assert.match(metrics, /^clip_drift_frames_total\{camera="front door",id="0"\} 10$/m);
  });
});

Deno.test("/health is 503 for a camera that is not well, or if none is; /ready if none is live", async () => {
  await served({}, async (page, hub) => {
    const back = hub.add("back");
    const all = async () =>
      await Promise.all(
        ["/health", "/health?camera=front%20door", "/health?camera=back", "/ready"].map((path) =>
          status(page.url, {}, path)
        ),
      );
    assert.deepEqual(await all(), [503, 503, 503, 503]);
    hub.feeds[0]!.frame(watched(1));
    assert.deepEqual(await all(), [200, 200, 503, 200]);
    for (const state of ["frozen", "lost", "failed"] as const) {
      back.frame(watched(1), state);
      assert.deepEqual(await all(), [200, 200, 503, 200], state);
    }
    hub.feeds[0]!.frame(watched(2), "ended");
    assert.deepEqual(await all(), [200, 200, 503, 503]);
    assert.equal(await status(page.url, {}, "/health?camera=none"), 404);
  });
});

Deno.test("other host names are refused on loopback", async () => {
  await served({}, async (page) => {
    assert.equal(await statusOfHost(page.port, `127.0.0.1:${page.port}`), 200);
    assert.equal(await statusOfHost(page.port, `localhost:${page.port}`), 200);
    assert.equal(await statusOfHost(page.port, "evil.example"), 403);
    assert.equal(await statusOfHost(page.port, `evil.example:${page.port}`), 403);
  });
  await served({ token: "" }, async (page) => {
    assert.equal(await statusOfHost(page.port, "evil.example"), 403);
  });
});

Deno.test("beyond loopback a token is needed, and viewers must know it", async () => {
  await served({ hostname: "0.0.0.0" }, async (page) => {
    assert.match(page.url, /\?token=[0-9a-f]{32}$/);
    assert.equal(await status(`http://127.0.0.1:${page.port}`), 401);
  });
  await served({ token: "s3 cret", hostname: "127.0.0.1" }, async (page) => {
    assert.match(page.url, /\?token=s3%20cret$/);
    assert.equal(await status(page.url, {}, "/"), 401);
    assert.equal(await status(page.url, {}, "/?token=wrong"), 401);
    assert.equal(await status(page.url, { authorization: "Bearer s3 cret" }, "/metrics"), 200);
    const response = await fetch(page.url);
    await response.body?.cancel();
    const cookie = response.headers.get("set-cookie")!;
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal(await status(page.url, { cookie: cookie.split(";")[0]! }, "/page.js"), 200);
    await assert.rejects(messages(page.url.replace(/\?.*/, ""), 1));
  });
});

Deno.test("a page of another site cannot listen in", async () => {
  await served({}, async (page) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: page.port });
    const head = `GET /live HTTP/1.1\r\nHost: 127.0.0.1:${page.port}\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nOrigin: http://evil.example\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    await connection.write(new TextEncoder().encode(head));
    const bytes = new Uint8Array(64);
    const read = await connection.read(bytes);
    assert.match(new TextDecoder().decode(bytes.subarray(0, read ?? 0)), /^HTTP\/1.1 403/);
  });
});

Deno.test("the run browser gives runs, and no path leads out of their folder", async () => {
  const root = await Deno.makeTempDir();
  const folder = join(root, "runs", "20260107_143022");
  await Deno.mkdir(join(folder, "snapshots"), { recursive: true });
  await Deno.writeTextFile(join(root, "secret.jpg"), "secret");
  await Deno.writeFile(join(folder, "snapshots", "frame_000000.jpg"), JPEG);
  await Deno.writeTextFile(join(folder, "config.json"), '{"camera":"yard"}');
  const lines = Array.from(
    { length: 5000 },
    (_, i) => `${i}.000000,${i},0.999000,${i === 3777 ? "0.900000" : "0.001000"}`,
  );
  await Deno.writeTextFile(
    join(folder, "drift.csv"),
    `timestamp,frame_idx,similarity,drift\r\n${lines.join("\r\n")}\r\n`,
  );
  await served({ runs: join(root, "runs") }, async (page) => {
    const get = async (path: string) => await (await fetch(new URL(path, page.url))).json();
    assert.deepEqual(await get("/api/runs"), [{ name: "20260107_143022", camera: "yard" }]);
    const run = await get("/api/runs/20260107_143022");
    assert.equal(run.frames, 5000);
    const [{ times, measures: { drift } }] = run.curves;
    assert.ok(times.length >= 500 && times.length <= 1000, `${times.length}`);
    assert.deepEqual(drift.filter((value: number) => value > 0.5), [0.9]);
    assert.equal(run.snapshots, undefined);
    const snapshots = { count: 1, some: ["frame_000000.jpg"], alerts: [] };
    assert.deepEqual(await get("/api/runs/20260107_143022/snapshots"), snapshots);
    const good = "/api/runs/20260107_143022/frame_000000.jpg";
    assert.equal(await status(page.url, {}, good), 200);
    for (
      const path of [
        "/api/runs/..%2f..%2fsecret.jpg",
        "/api/runs/20260107_143022/..%2f..%2f..%2fsecret.jpg",
        "/api/runs/20260107_143022/frame_000001.jpg",
        "/api/runs/20990101_000000",
        "/api/runs/20990101_000000/snapshots",
      ]
    ) assert.equal(await status(page.url, {}, path), 404, path);
  });
  await Deno.remove(root, { recursive: true });
});

Deno.test("a viewer may end the watch on loopback, and not with a token", async () => {
  const proxied = { behind: new URL("http://127.0.0.1/cameras/"), token: "" };
  for (const more of [{}, { token: "secret" }, proxied]) {
    let quits = 0;
    const options = { onQuit: () => quits++, ...more };
    await served(options, async (page) => {
      const { search } = new URL(page.url);
      const socket = new WebSocket(`ws://127.0.0.1:${page.port}/live${search}`);
      await new Promise((resolve) => socket.onmessage = resolve);
      // Read before the close that follows it.
      socket.send("quit");
      await new Promise((resolve) => (socket.onclose = resolve, socket.close()));
    });
    assert.equal(quits, "token" in more ? 0 : 1);
  }
});

Deno.test("regions are told and kept of cameras that there are, and by the page's own viewers", async () => {
  const kept: unknown[] = [];
  const own = { roi: [], mask: [[[0, 0], [1, 0], [0, 1]]] as const };
  const regions = {
    of: () => Promise.resolve(undefined),
    save(camera: string, value: unknown) {
      if (value === 1) return Promise.reject(new SyntaxError("Cannot read regions"));
      kept.push([camera, value]);
      return Promise.resolve();
    },
  };
  const hub = new Hub(1);
  hub.add("door", own);
  await using page = await serveDashboard(hub, { regions });
  const ask = async (camera: string, init: RequestInit = {}) => {
    const response = await fetch(new URL(`/api/regions?camera=${camera}`, page.url), init);
    return [response.status, await response.text()] as const;
  };
  const put = (body: string, headers = {}) => ask("door", { method: "POST", body, headers });
  assert.deepEqual(await ask("door"), [200, JSON.stringify(own)]);
  assert.equal((await ask("gate"))[0], 404);
  assert.equal((await put("{}", { origin: "http://elsewhere" }))[0], 403);
  assert.equal((await put("{"))[0], 400);
  assert.match((await put("1")).join(" "), /^400 .*Cannot read regions/);
  assert.deepEqual(kept, []);
  assert.equal((await put('{"roi":[]}'))[0], 204);
  assert.deepEqual(kept, [["door", { roi: [] }]]);
  await served({}, async ({ url }) => {
    assert.equal(await status(url, {}, "/api/regions?camera=front%20door"), 404);
  });
});
