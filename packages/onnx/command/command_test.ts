import assert from "node:assert/strict";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { currentPlatform } from "@vcs/transport/internal";
import { checkReadme } from "#testing/readme.ts";
import { tensor } from "@vcs/transport/tensor";
import { onnx as command } from "./command.ts";
import { commandAt, withFolder } from "../testdata/command.ts";
import { FaultyServer, good, status } from "#testing/faulty_server.ts";

const onnx = commandAt("../mod.ts");

Deno.test("--help fits a screen; wrong usage is exit code 2 with a hint", () =>
  withFolder(async (folder) => {
    const help = await onnx(folder, "--help");
    assert.equal(help.code, 0);
    assert.ok(help.out.split("\n").length < 25);
    for (const word of ["pull", "verify", "rm", "doctor", "cache"]) {
      assert.match(help.out, new RegExp(word));
    }
    for (const args of [["fly"], ["pull"], ["rm"], ["cache", "--fast"]]) {
      const wrong = await onnx(folder, ...args);
      assert.equal(wrong.code, 2, args.join(" "));
      assert.equal(wrong.out, "");
      assert.match(wrong.err, /^onnx: .*\nSee onnx (pull |rm |cache )?--help\n$/);
    }
  }));

Deno.test("the README has the command's table", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), command);
});

Deno.test("pull prints the path, and on stderr what it fetches; verify and rm know the file", () =>
  withFolder(async (folder) => {
    const bytes = new TextEncoder().encode("weights");
    await using server = new FaultyServer(good(bytes));
    const reference = `${server.url}/w.pt`;
    const pulled = await onnx(folder, "pull", reference);
    const { host } = new URL(server.url);
    assert.equal(pulled.code, 0);
    const [first, second] = pulled.err.split("\n");
    assert.equal(first, `Fetching w.pt from ${host}`);
    assert.match(second!, /^Trusted at its first use: .*w\.pt, SHA-256 .*models\.lock\.json$/);
    const path = pulled.out.trim();
    assert.deepEqual(await Deno.readFile(path), bytes);
    const verified = await onnx(folder, "verify", reference);
    assert.equal(verified.code, 0);
    assert.match(verified.out, /^right .*[0-9a-f]{64}/);
    assert.equal((await onnx(folder, "rm", reference)).out.trim(), path);
    assert.match((await onnx(folder, "rm", reference)).err, /Nothing to remove/);
  }));

Deno.test("a download that fails is exit code 1 with what to do", () =>
  withFolder(async (folder) => {
    await using server = new FaultyServer(status(403));
    const failed = await onnx(folder, "pull", `${server.url}/w.pt`);
    assert.equal(failed.code, 1);
    assert.equal(failed.out, "");
    assert.match(
      failed.err,
      /^Fetching w\.pt from 127\.0\.0\.1:\d+\nonnx: Cannot get .* answered 403.*put it at .*w\.pt/s,
    );
  }));

Deno.test({
  name: "pull cuda that cannot fetch says what it needs, and where it was asked for",
  ignore: !["linux-x64", "linux-arm64", "win32-x64"].includes(currentPlatform()),
  fn: () =>
    withFolder(async (folder) => {
      await using server = new FaultyServer(status(404));
      const env = { VCS_PARTS: "", PIP_INDEX_URL: `${server.url}/simple` };
      const { code, out, err } = await commandAt("../mod.ts", env)(folder, "pull", "cuda");
      assert.deepEqual([code, out], [1, ""]);
      const lines = err.trim().split("\n");
      assert.match(lines[0]!, /^CUDA needs 1\.\d+ GB: onnxruntime-gpu \S+ \(\d+\.\d MB\), nvidia-/);
      assert.match(lines[1]!, /^Fetching onnxruntime-gpu .* from http:\/\/127\S+\/simple into/);
      const failure =
        /^onnx: Cannot fetch onnxruntime-gpu .*\/onnxruntime-gpu\/: the index answered 404/;
      assert.match(lines[2]!, failure);
      assert.equal(lines.length, 3);
    }),
});

Deno.test("onnx says of a model's name which command knows it", () =>
  withFolder(async (folder) => {
    for (const word of ["pull", "verify", "rm", "doctor"]) {
      const asked = await onnx(folder, word, "encodec_48khz");
      assert.deepEqual([asked.code, asked.out], [1, ""], word);
      assert.match(asked.err, /^onnx: Cannot find model encodec_48khz: .* is encodec-stream\n$/);
    }
  }));

Deno.test("cache lists what lies in our folder, and removes what is asked for", () =>
  withFolder(async (folder) => {
    for (const name of ["models", "graphs", "parts"]) {
      await Deno.mkdir(`${folder}/vcs/${name}`, { recursive: true });
      await Deno.writeTextFile(`${folder}/vcs/${name}/file`, "0".repeat(100_000));
    }
    const line = (label: string, name: string, amount: string) =>
      `${label.padEnd(14)}${folder}/vcs/${name} (${amount})\n`;
    const models = line("Models", "models", "1 files, 0.1 MB");
    const parts = line("Parts", "parts", "1 files, 0.1 MB");
    const full = await onnx(folder, "cache");
    assert.equal(full.out, models + line("Graphs", "graphs", "1 files, 0.1 MB") + parts);
    const cleared = await onnx(folder, "cache", "--clear", "graphs");
    assert.equal(cleared.out, models + line("Graphs", "graphs", "empty") + parts);
    assert.match(
      (await onnx(folder, "cache", "--clear", "all")).out,
      /models \(empty\)[^]*parts \(empty\)/,
    );
    assert.equal((await onnx(folder, "cache", "--clear", "all")).code, 0);
  }));

Deno.test("doctor reports versions, devices and caches", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await onnx(folder, "doctor");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /Deno +2\./);
    assert.match(
      out,
      /ONNX Runtime +1\.\d+\.\d+ \(1\.21 or a later 1\.x is taken\), .*onnxruntime/,
    );
    assert.match(out, / {2}chosen +(the build for CPU|the CUDA build)[^\n]*\n {2}providers .*CPU/);
    assert.match(out, / {2}cpu +works\n {2}auto +takes [^\n]*\nCUDA build +[^\n]*\n {2}driver /);
    assert.match(out, new RegExp(`Models +${folder}/vcs/models \\(empty\\)`));
  }));

Deno.test("doctor --json reports the same as JSON alone", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await onnx(folder, "doctor", "--json");
    assert.deepEqual([code, err], [0, ""]);
    const { deno, runtime, devices, auto, cache, offline } = JSON.parse(out);
    assert.equal(deno, Deno.version.deno);
    assert.match(runtime.version, /^1\.\d+\.\d+$/);
    const cpu = devices.find(({ device }: { device: string }) => device === "cpu");
    assert.deepEqual(cpu, { device: "cpu", available: true, reason: "works" });
    assert.ok(devices.some(({ device }: { device: string }) => device === auto));
    const models = { path: `${folder}/vcs/models`, files: 0, bytes: 0 };
    assert.deepEqual([cache.models, offline], [models, false]);
    const path = `${folder}/a.safetensors`;
    await Deno.writeFile(path, encodeSafetensors({ "a.weight": tensor("F32", [8, 4]) }));
    const file = await onnx(folder, "doctor", path, "--json");
    const tensors = { count: 1, bytes: 128, types: { F32: 1 } };
    const { size: bytes } = await Deno.stat(path);
    assert.deepEqual(JSON.parse(file.out), {
      ...{ path, bytes, format: "safetensors", tensors, values: {}, fit: null, complete: true },
    });
  }));

Deno.test("doctor reports what a checkpoint holds", () =>
  withFolder(async (folder) => {
    const tensors = { "a.weight": tensor("F32", [8, 4]), "\x1b[2Jhidden": tensor("I64", []) };
    const path = `${folder}/a.safetensors`;
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const { code, out, err } = await onnx(folder, "doctor", path);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /Format +safetensors\nTensors +2, 0\.0 MB: 1 of (F32|I64), 1 of (F32|I64)\n$/,
    );
    await Deno.writeTextFile(`${folder}/no.pt`, "nothing");
    const none = await onnx(folder, "doctor", `${folder}/no.pt`);
    assert.equal(none.code, 1);
    assert.match(none.err, /^onnx: Cannot/);
  }));
