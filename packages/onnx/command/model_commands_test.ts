import assert from "node:assert/strict";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { checkpointFile, op, rebuilt, storage } from "../testdata/checkpoint_cases.ts";
import { commandAt, withFolder } from "../testdata/command.ts";

/** A command with two models. */
const denoise = commandAt("./denoise.ts", { VCS_OFFLINE: "1" });

Deno.test("list and verify know files of other tools; wrong bytes are exit code 1", () =>
  withFolder(async (folder) => {
    assert.match((await denoise(folder, "verify")).err, /^None of soft, hard is on this machine/);
    const path = `${folder}/torch/hub/checkpoints/soft-12345678.th`;
    await Deno.mkdir(`${folder}/torch/hub/checkpoints`, { recursive: true });
    await Deno.writeTextFile(path, "damaged");
    const { out } = await denoise(folder, "list");
    assert.match(out, /^MODEL +SIZE +FILE +WHAT IT IS\n/);
    assert.match(out, new RegExp(`soft +1\\.5 MB +${path} +a little\n`));
    assert.match(out, /hard +3\.10 GB +- +a lot\n/);
    const soft = { name: "soft", bytes: 1.5e6, about: "a little", path, owner: "torch" };
    const hard = { name: "hard", bytes: 3.1e9, about: "a lot", path: null, owner: null };
    assert.deepEqual(JSON.parse((await denoise(folder, "list", "--json")).out), [soft, hard]);
    const verified = await denoise(folder, "verify");
    assert.equal(verified.code, 1);
    assert.match(verified.out, /^WRONG {2}soft {2}[0-9a-f]{64} {2}/);
  }));

Deno.test("a name that the command does not have is an error that lists those that it has", () =>
  withFolder(async (folder) => {
    const { code, err } = await denoise(folder, "pull", "loud");
    assert.equal(code, 1);
    assert.match(err, /^denoise: Cannot find model loud: .* hf:owner\/name\/file, soft, hard\n$/);
    const wrong = await denoise(folder, "pull");
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /See denoise pull --help\n$/);
  }));

Deno.test("doctor reports what a file holds, lacks and has too much of the closest model", () =>
  withFolder(async (folder) => {
    const tensors: Record<string, Tensor> = {
      "conv.weight": tensor("F32", [8, 4, 3]),
      "conv.bias": tensor("F32", [8]),
      "out.weight": tensor("F32", [1, 8]),
    };
    const path = `${folder}/soft.safetensors`;
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const whole = await denoise(folder, "doctor", path);
    assert.equal(whole.code, 0, whole.err);
    assert.match(whole.out, /Tensors +3, 0\.0 MB: 3 of F32\nModel +soft: 3 of 3 weights match\n/);
    assert.match(whole.out, /Missing +none\n/);
    delete tensors["out.weight"];
    tensors["conv.bias"] = tensor("F32", [7]);
    tensors["step"] = tensor("I64", []);
    await Deno.writeFile(path, encodeSafetensors(tensors));
    const damaged = await denoise(folder, "doctor", path);
    assert.equal(damaged.code, 1);
    assert.match(damaged.out, /soft: 1 of 3 weights match\nMissing +out\.weight \[1, 8\]\n/);
    assert.match(damaged.out, /Other shape +conv\.bias \[7\] instead of \[8\]\n/);
    assert.match(damaged.out, /Unexpected +step/);
    const json = await denoise(folder, "doctor", path, "--json");
    assert.equal(json.code, 1);
    const { fit, complete } = JSON.parse(json.out);
    assert.deepEqual([fit, complete], [{
      models: ["soft"],
      weights: 3,
      matched: ["conv.weight"],
      missing: ["out.weight [1, 8]"],
      mismatched: ["conv.bias [7] instead of [8]"],
      unexpected: ["step"],
    }, false]);
    await Deno.writeFile(path, encodeSafetensors({ step: tensor("I64", []) }));
    assert.match((await denoise(folder, "doctor", path)).out, /Model +none of soft\n$/);
  }));

Deno.test("doctor fetches nothing", () =>
  withFolder(async (folder) => {
    const away = await denoise(folder, "doctor", "soft");
    assert.equal(away.code, 1);
    assert.match(away.err, /^denoise: Cannot find soft on this machine/);
  }));

Deno.test("other words are left to the command itself", () =>
  withFolder(async (folder) => {
    const { code, out } = await denoise(folder, "lists");
    assert.deepEqual([code, out], [0, "denoised lists\n"]);
  }));

Deno.test("doctor names all classes that it does not know, and reads the file with --allow-class", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.pt`;
    const state = (name: string) => op.reduce(op.global("my.pkg", name), op.text("x"));
    const weight = rebuilt(storage("FloatStorage", "0", 2), 0, [2], [1]);
    const tree = op.dict(
      ...[op.text("config"), state("Config"), op.text("plan"), state("Plan")],
      ...[op.text("w"), weight],
    );
    await Deno.writeFile(path, await checkpointFile(tree, { "data/0": new Uint8Array(8) }));
    const { code, err } = await denoise(folder, "doctor", path);
    assert.equal(code, 1);
    assert.match(err, /names my\.pkg\.Config, my\.pkg\.Plan, which are not on the list/);
    const flags = /(--allow-class \S+ --allow-class \S+)\n$/.exec(err)![1]!;
    const read = await denoise(folder, "doctor", path, ...flags.split(" "));
    assert.deepEqual([read.code, read.err], [0, ""]);
  }));
