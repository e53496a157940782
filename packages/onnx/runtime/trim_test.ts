import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Resident megabytes before eight sessions of 20 MB are opened, while they are open, and after. */
const CHILD = `
const [{ GraphBuilder, modelBytes, Session }, { tensor }] = await Promise.all([
  import(Deno.args[0] + "mod.ts"),
  import(Deno.args[0] + "../transport/tensor.ts"),
]);
const n = 2236, g = new GraphBuilder("m"), x = g.input("x", "F32", ["N", n]);
const w = g.weight("w", tensor("F32", [n, n], new Float32Array(n * n).fill(0.01)));
g.output("y", g.matmul(x, w));
const bytes = await modelBytes(g);
(await Session.open(bytes, { device: "cpu" })).close();
await new Promise((resolve) => setTimeout(resolve));
const held = [Deno.memoryUsage().rss];
const sessions = [];
for (let i = 0; i < 8; i++) sessions.push(await Session.open(bytes, { device: "cpu" }));
held.push(Deno.memoryUsage().rss);
for (const session of sessions) session.close();
await new Promise((resolve) => setTimeout(resolve));
held.push(Deno.memoryUsage().rss);
console.log(JSON.stringify(held.map((bytes) => bytes / 1e6)));
`;

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${btoa(code)}`;
}

Deno.test({
  name: "memory of closed sessions goes back to the system",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const folder = new URL("../", import.meta.url).href;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--frozen", "--config", config, dataUrl(CHILD), folder],
      ...{ stdout: "piped", stderr: "piped" },
    });
    const { stdout, stderr, success } = await child.output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const [before, open, closed] = JSON.parse(new TextDecoder().decode(stdout));
    assert.ok(open - before > 300, `eight open sessions take ${open - before} MB`);
    assert.ok(closed - before < 0.3 * (open - before), `${before}, ${open}, then ${closed} MB`);
  },
});
