import assert from "node:assert/strict";
import { rawGet, writeAll } from "../../transport/testing/raw_http.ts";
import { cameraFrames } from "./camera.ts";
import { serveCamera } from "./camera_server.ts";
import { sceneFrames } from "./scene.ts";

const frame = sceneFrames({ width: 32, height: 32, fps: 10 });

Deno.test("a camera on loopback is not for pages of other sites", async () => {
  await using camera = await serveCamera({ frame });
  const ask = async (headers: Record<string, string>) =>
    (await rawGet(camera.port, "/health", headers)).status;
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ host: `localhost:${camera.port}` }), 200);
  assert.equal(await ask({ host: `evil.example:${camera.port}` }), 403);
  assert.equal(await ask({ origin: "https://evil.example" }), 403);
});

Deno.test("a camera for the network is for those who know its token", async () => {
  const token = "5eam0ur";
  await using camera = await serveCamera({ frame, hostname: "0.0.0.0", token });
  const host = `127.0.0.1:${camera.port}`;
  assert.equal((await rawGet(camera.port, "/health", { host })).status, 401);
  assert.equal((await rawGet(camera.port, `/health?token=${token}`, { host })).status, 200);
  const url = new URL(camera.url);
  url.hostname = "127.0.0.1";
  for await (const { data } of cameraFrames(url.href)) {
    assert.ok(data.length > 0);
    break;
  }
});

Deno.test("a viewer of a camera that reads nothing is cut off", async () => {
  const large = new Uint8Array(8 << 20);
  await using camera = await serveCamera({ frame: () => large, fps: 50, stuckAfter: 20 });
  using viewer = await Deno.connect({ hostname: "127.0.0.1", port: camera.port });
  await writeAll(viewer, `GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:${camera.port}\r\n\r\n`);
  const health = async () => await (await fetch(new URL("/health", camera.url))).json();
  while ((await health()).stats.streams !== 1);
  while ((await health()).stats.streams !== 0);
});
