import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Resident megabytes before eight sessions of 20 MB are opened, while they are open, and after. */
const CHILD = `
const resident = () => (gc(), Deno.memoryUsage().rss);
const [{ GraphBuilder, modelBytes, Session }, { tensor }] = await Promise.all([
  import(Deno.args[0] + "mod.ts"),
  import(Deno.args[0] + "../transport/tensor.ts"),
]);
const [n, count] = Deno.args.slice(1).map(Number);
const g = new GraphBuilder("m");
let y = g.input("x", "F32", ["N", n]);
for (let i = 0; i < count; i++) {
  y = g.matmul(y, g.weight("w" + i, tensor("F32", [n, n], new Float32Array(n * n).fill(0.01 + i))));
}
g.output("y", y);
const bytes = await modelBytes(g);
(await Session.open(bytes, { device: "cpu" })).close();
await new Promise((resolve) => setTimeout(resolve));
const held = [resident()];
const sessions = [];
for (let i = 0; i < 8; i++) sessions.push(await Session.open(bytes, { device: "cpu" }));
held.push(resident());
for (const session of sessions) session.close();
await new Promise((resolve) => setTimeout(resolve));
held.push(resident());
console.log(JSON.stringify(held.map((bytes) => bytes / 1e6)));
`;

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${btoa(code)}`;
}

for (const [count, size] of [[1, 2236], [10, 707]] as const) {
  Deno.test({
    name:
      `what opening took beside ${count} tensors of weights, and all of closed sessions, goes ` +
      "back to the system",
    ignore: Deno.build.os !== "linux",
    async fn() {
      const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
      const folder = new URL("../", import.meta.url).href;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--frozen", "--v8-flags=--expose-gc", "--config", config]
          .concat(dataUrl(CHILD), folder, `${size}`, `${count}`),
        ...{ stdout: "piped", stderr: "piped" },
      });
      const { stdout, stderr, success } = await child.output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const [before, open, closed] = JSON.parse(new TextDecoder().decode(stdout));
      // Eight times 20 MB of weights; what reading them took beside is given back.
      const taken = open - before;
      assert.ok(taken > 150 && taken < 250, `eight open sessions take ${taken} MB`);
      assert.ok(closed - before < 0.3 * taken, `${before}, ${open}, then ${closed} MB`);
    },
  });
}
