import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { checkReadme } from "#testing/readme.ts";
import { freePort } from "../site/free_port.ts";
import { openReceiver } from "../channel.ts";
import { transport } from "./command.ts";
import { deliveryTable } from "../delivery.ts";
import { collectLines } from "../testing/command.ts";
import { until } from "../testing/waits.ts";

const script = new URL("../mod.ts", import.meta.url).href;

async function run(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", script, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("channel_cli: help fits a screen, data goes to stdout", async () => {
  const help = await run("--help");
  assert.equal(help.code, 0);
  assert.ok(help.stdout.split("\n").length <= 25);
  assert.equal((await run("delivery")).stdout.trim(), deliveryTable());
});

Deno.test("channel_cli: wrong use is told with exit code 2", async () => {
  for (
    const args of [["dance"], ["send"], ["send", "--count", "x", "file:a"], [
      "send",
      "--stream",
      "7",
      "file:a",
    ], ["--colour"]]
  ) {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, /--help/);
  }
});

Deno.test("channel_cli: the README has the command's table", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), transport);
});

Deno.test("channel_cli: counts, lengths and stream ids go through a channel as asked for", async () => {
  const folder = await Deno.makeTempDir();
  const url = pathToFileURL(folder).href;
  const stream = "00000000000000AB";
  const sent = await run(...[
    ...["send", url, "--count=2", "--from", "5", "--size", "7", "--pace", "0"],
    ...["--stream", stream],
  ]);
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  assert.equal(sent.stdout.trim().split("\n").at(-1), "7");
  const lines: string[] = [];
  await using receiver = await openReceiver(url);
  while (lines.length < 2) {
    const delivery = await receiver.receive();
    const { streamId, sequence, payload } = delivery!.message;
    lines.push(`${streamId} ${sequence} ${payload.length}`);
    await delivery!.accept();
  }
  assert.deepEqual(lines, ["00000000000000ab 5 7", "00000000000000ab 6 7"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("channel_cli: the trial kills the receiver and keeps the promise", async () => {
  const url = `tcp://127.0.0.1:${freePort()}?credits=3`;
  const { code, stdout } = await run("trial", url, "--count", "30", "--kills", "2");
  const [, row = ""] = stdout.trim().split("\n");
  const [channel, sent, received, , lost, inFlight, allowed, kept] = row.split(/\s{2,}/);
  assert.deepEqual([channel, sent, received, lost, kept], ["tcp", "30", "30", "0", "yes"]);
  assert.ok(Number(inFlight) <= Number(allowed));
  assert.equal(code, 0);
});

Deno.test("channel_cli: no password is written", async () => {
  const url = `nats://me:secret@127.0.0.1:${freePort()}?stream=a`;
  for (const args of [["receive", url], ["trial", "x:" + url], ["receive", "tcp://me:secret@"]]) {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", script, ...args],
      ...{ stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } },
    }).spawn();
    const lines: string[] = [];
    const reading = collectLines(process.stderr, lines);
    await until(() => lines.some((line) => /Receiving|Cannot|not know/.test(line)));
    if (args[1] === url) process.kill("SIGKILL");
    await Promise.all([process.status, reading, process.stdout.cancel()]);
    assert.ok(!lines.join().includes("secret"), lines.join());
  }
});

Deno.test("channel_cli: the trial takes a free port, and an archive", async () => {
  const folder = await Deno.makeTempDir();
  const urls = ["tcp://127.0.0.1:0", pathToFileURL(folder).href];
  const { code, stdout } = await run("trial", ...urls, "--count", "20", "--kills", "1");
  const rows = stdout.trim().split("\n").slice(1).map((row) => row.split(/\s{2,}/));
  assert.deepEqual(rows.map(([channel]) => channel), ["tcp", "file"]);
  assert.deepEqual(rows.map((row) => row[6]), ["3", "any"]);
  assert.equal(code, 0);
  await Deno.remove(folder, { recursive: true });
});
