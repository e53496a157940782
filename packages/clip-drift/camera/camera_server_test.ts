import assert from "node:assert/strict";
import { rawGet } from "../../transport/testing/raw_http.ts";
import { serveCamera } from "./camera_server.ts";
import { sceneFrames } from "./scene.ts";

const frame = sceneFrames({ width: 32, height: 32, fps: 10 });

Deno.test("a camera on loopback is not for pages of other sites", async () => {
  await using camera = serveCamera({ frame });
  const ask = async (headers: Record<string, string>) =>
    (await rawGet(camera.port, "/health", headers)).status;
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ host: `localhost:${camera.port}` }), 200);
  assert.equal(await ask({ host: `evil.example:${camera.port}` }), 403);
  assert.equal(await ask({ origin: "https://evil.example" }), 403);
});

Deno.test("a camera for the network answers by any name, as cameras do", async () => {
  await using camera = serveCamera({ frame, hostname: "0.0.0.0" });
  assert.equal((await rawGet(camera.port, "/health", { host: "camera.local" })).status, 200);
});
