import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { checkReadme } from "#testing/readme.ts";
import { tensor } from "@vcs/transport/tensor";
import { onnx as command } from "./command.ts";
import { modelTensors } from "../cache/model_tensors.ts";
import { FaultyServer, good, status } from "../testdata/faulty_server.ts";

const CLI = fileURLToPath(new URL("../mod.ts", import.meta.url));

interface Result {
  code: number;
  out: string;
  err: string;
}

/** Runs the command in a process of its own with caches in a folder. */
async function onnx(folder: string, ...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    env: {
      VCS_CACHE: `${folder}/vcs`,
      TORCH_HOME: `${folder}/torch`,
      HF_HOME: `${folder}/hf`,
      NO_COLOR: "1",
    },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("--help fits a screen; wrong usage is exit code 2 with a hint", () =>
  withFolder(async (folder) => {
    const help = await onnx(folder, "--help");
    assert.equal(help.code, 0);
    assert.ok(help.out.split("\n").length < 25);
    for (const word of ["list", "pull", "verify", "rm", "doctor"]) {
      assert.match(help.out, new RegExp(word));
    }
    for (const args of [["fly"], ["pull"], ["rm"], ["list", "--fast"]]) {
      const wrong = await onnx(folder, ...args);
      assert.equal(wrong.code, 2, args.join(" "));
      assert.equal(wrong.out, "");
      assert.match(wrong.err, /^onnx: .*\nSee onnx (pull |rm |list )?--help\n$/);
    }
  }));

Deno.test("the README has the command's table", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), command);
});

Deno.test("pull prints the path and nothing else; verify and rm know the file", () =>
  withFolder(async (folder) => {
    const bytes = new TextEncoder().encode("weights");
    await using server = new FaultyServer(good(bytes));
    const address = `${server.url}/w.pt`;
    const pulled = await onnx(folder, "pull", address);
    assert.deepEqual([pulled.code, pulled.err], [0, ""]);
    const path = pulled.out.trim();
    assert.deepEqual(await Deno.readFile(path), bytes);
    const verified = await onnx(folder, "verify", address);
    assert.equal(verified.code, 0);
    assert.match(verified.out, /^unknown .*[0-9a-f]{64}/);
    assert.equal((await onnx(folder, "rm", address)).out.trim(), path);
    assert.match((await onnx(folder, "rm", address)).err, /Nothing to remove/);
  }));

Deno.test("a download that fails is exit code 1 with what to do", () =>
  withFolder(async (folder) => {
    await using server = new FaultyServer(status(403));
    const failed = await onnx(folder, "pull", `${server.url}/w.pt`);
    assert.equal(failed.code, 1);
    assert.equal(failed.out, "");
    assert.match(failed.err, /^onnx: Cannot get .* answered 403.*put it at .*w\.pt/s);
  }));

Deno.test("list and verify know files of other tools; wrong bytes are exit code 1", () =>
  withFolder(async (folder) => {
    const path = `${folder}/torch/hub/checkpoints/encodec_48khz-7e698e3e.th`;
    await Deno.mkdir(`${folder}/torch/hub/checkpoints`, { recursive: true });
    await Deno.writeTextFile(path, "damaged");
    const listed = await onnx(folder, "list");
    assert.match(listed.out, new RegExp(`encodec_48khz +76\\.3 MB +${path}`));
    assert.match(listed.out, /open-magvit2-video +3\.10 GB +-/);
    const verified = await onnx(folder, "verify");
    assert.equal(verified.code, 1);
    assert.match(verified.out, /^WRONG {2}encodec_48khz/);
  }));

Deno.test("doctor tells versions, devices and caches", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await onnx(folder, "doctor");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /Deno +2\./);
    assert.match(
      out,
      /ONNX Runtime +1\.\d+\.\d+ \(1\.21 or a later 1\.x is taken\), .*onnxruntime/,
    );
    assert.match(out, / {2}cpu +works\n {2}auto +takes /);
    assert.match(out, new RegExp(`Models +${folder}/vcs/models \\(empty\\)`));
  }));

Deno.test("doctor tells what a checkpoint holds, lacks and has too much", () =>
  withFolder(async (folder) => {
    const shapes = [...modelTensors("encodec_lm_48khz")!];
    const tensors = Object.fromEntries(shapes.map(([name, shape]) => [name, tensor("F32", shape)]));
    const path = `${folder}/lm.safetensors`;
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const whole = await onnx(folder, "doctor", path);
    assert.equal(whole.code, 0, whole.err);
    assert.match(whole.out, /Format +safetensors\nTensors +110, 35\.9 MB: 110 of F32/);
    assert.match(whole.out, /Model +encodec_lm_48khz: 110 of 110 weights match\nMissing +none/);
    delete tensors["emb.3.weight"];
    tensors["linears.0.bias"] = tensor("F32", [7]);
    tensors["step"] = tensor("I64", []) as never;
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const damaged = await onnx(folder, "doctor", path);
    assert.equal(damaged.code, 1);
    assert.match(damaged.out, /108 of 110 weights match\nMissing +emb\.3\.weight \[1025, 200\]/);
    assert.match(damaged.out, /Other shape +linears\.0\.bias \[7\] instead of \[1024\]/);
    assert.match(damaged.out, /Unexpected +step/);
    tensors["\x1b[2Jhidden"] = tensor("F32", [1]);
    await Deno.writeFile(path, encodeSafetensors(tensors));
    assert.match((await onnx(folder, "doctor", path)).out, /\\x1b\[2Jhidden/);
  }));

Deno.test("doctor fetches nothing and refuses what is no checkpoint", () =>
  withFolder(async (folder) => {
    const away = await onnx(folder, "doctor", "encodec_24khz");
    assert.equal(away.code, 1);
    assert.match(away.err, /Cannot find encodec_24khz on this machine/);
    await Deno.writeTextFile(`${folder}/no.pt`, "nothing");
    const none = await onnx(folder, "doctor", `${folder}/no.pt`);
    assert.equal(none.code, 1);
    assert.match(none.err, /^onnx: Cannot/);
  }));
