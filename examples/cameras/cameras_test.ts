import assert from "node:assert/strict";
import { join } from "node:path";
import { Hub, serveDashboard } from "@vcs/clip-drift/internal";

const HERE = import.meta.dirname!;
const COMMAND = import.meta.resolve("@vcs/clip-drift");

/** Runs the command with the words of a line. */
async function run(words: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", COMMAND, ...words],
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  });
  const { code, stderr } = await child.output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("examples/cameras/grafana.json: each metric in it is one that the page has", async () => {
  const text = await Deno.readTextFile(join(HERE, "grafana.json"));
  const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
  const hub = new Hub(1);
  await using page = await serveDashboard(hub);
  const metrics = await (await fetch(new URL("/metrics", page.url))).text();
  const known = new Set(metrics.match(/(?<=^(# TYPE )?)clip_drift_\w+/gm));
  assert.ok(panels.length >= 12);
  for (const { expr } of panels.flatMap(({ targets }) => targets)) {
    const [metric = ""] = /clip_drift_\w+/.exec(expr) ?? [];
    assert.ok(known.has(metric), expr);
  }
});

Deno.test("examples/cameras/clip-drift.service: its line is one that the command takes", async () => {
  const unit = await Deno.readTextFile(join(HERE, "clip-drift.service"));
  const line = /^ExecStart=\/usr\/local\/bin\/clip-drift (.*)$/m.exec(unit)![1]!;
  const words = line.replace("/etc/clip-drift/", "/none/").split(" ");
  const { code, stderr } = await run(words);
  assert.match(stderr, /^clip-drift: Cannot read \/none\/cameras\.toml: it does not exist$/m);
  assert.match(unit, new RegExp(`^RestartPreventExitStatus=${code}$`, "m"));
});
