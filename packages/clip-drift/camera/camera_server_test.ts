import assert from "node:assert/strict";
import { rawGet, readUntil, writeAll } from "../../transport/testing/raw_http.ts";
import { cameraFrames } from "./camera.ts";
import { type CameraServer, serveCamera } from "./camera_server.ts";
import { sceneFrames } from "./scene.ts";

async function streamsOf({ url }: CameraServer): Promise<number> {
  return (await (await fetch(new URL("/health", url))).json()).stats.streams;
}

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
  assert.match(await readUntil(viewer, "\r\n\r\n"), /^HTTP\/1\.1 200/);
  while (await streamsOf(camera) > 0);
});

Deno.test("streams that come in one burst are counted, and given back when nobody reads them", async () => {
  await using camera = await serveCamera({ frame });
  const { port } = camera;
  const ask = async (method: string) => {
    const viewer = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(viewer, `${method} /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    return viewer;
  };
  const burst = await Promise.all(Array.from({ length: 40 }, () => ask("GET")));
  const heads = await Promise.all(burst.map((viewer) => readUntil(viewer, "\r\n\r\n")));
  const turnedAway = heads.filter((head) => /^HTTP\/1\.1 503/.test(head)).length;
  assert.equal(turnedAway, 8);
  for (const viewer of burst) viewer.close();
  while (await streamsOf(camera) > 0);
  // They go before an answer was begun, and one wants none.
  for (const viewer of await Promise.all(burst.map(() => ask("GET")))) viewer.close();
  (await ask("HEAD")).close();
  while (await streamsOf(camera) > 0);
});
