/** What the watch says and does when memory, disk or GPU are missing: with the real cause. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { resolveDevice } from "@vcs/onnx/devices";
import { hasPrograms, needs } from "#testing/shared.ts";
import { sceneFrames } from "./camera/scene.ts";

const COMMAND = import.meta.resolve("./mod.ts");
const WIDTH = 768;
const LAYERS = 4;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(program: string, args: string[]) {
  const env = { ENCODERS_DEVICE: "cpu", ENCODERS_SNAPSHOT_INTERVAL: "0.001", NO_COLOR: "1" };
  const command = new Deno.Command(program, { args, env, stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A visual tower of 120 MB, all zeros. */
function largeTower(): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  const add = (name: string, ...shape: number[]) =>
    tensors[`visual.${name}`] = tensor("F32", shape);
  add("conv1.weight", WIDTH, 3, 32, 32);
  add("class_embedding", WIDTH);
  add("positional_embedding", 50, WIDTH);
  add("proj", WIDTH, 512);
  const layer = (name: string, rows: number, columns: number) => {
    add(`${name}weight`, rows, columns);
    add(`${name}bias`, rows);
  };
  const norms = ["ln_pre", "ln_post"];
  for (let i = 0; i < LAYERS; i++) {
    const block = `transformer.resblocks.${i}`;
    layer(`${block}.attn.in_proj_`, 3 * WIDTH, WIDTH);
    layer(`${block}.attn.out_proj.`, WIDTH, WIDTH);
    layer(`${block}.mlp.c_fc.`, 4 * WIDTH, WIDTH);
    layer(`${block}.mlp.c_proj.`, WIDTH, 4 * WIDTH);
    norms.push(`${block}.ln_1`, `${block}.ln_2`);
  }
  for (const norm of norms) for (const kind of ["weight", "bias"]) add(`${norm}.${kind}`, WIDTH);
  return tensors;
}

Deno.test({
  name: "a model that does not fit into memory says what to do",
  ...needs(Deno.build.os === "linux" && hasPrograms("prlimit")),
  fn: () =>
    withFolder(async (folder) => {
      const weights = join(folder, "large.safetensors");
      await Deno.writeFile(weights, encodeSafetensors(largeTower()));
      const script = import.meta.resolve("./testdata/open_until_full.ts");
      const args = ["run", "-A", "--no-check", script, weights, join(folder, "cache")];
      const { stdout, stderr } = await run(Deno.execPath(), args);
      assert.match(
        stdout,
        /^out-of-memory: Cannot run the model: .*; use --precision int8 or fp16/,
      );
      assert.match(stdout, /a smaller model, or --device cpu \(ENCODERS_DEVICE=cpu\)$/m, stderr);
    }),
});

/** Whether this system lets us mount a file system that only our children see. */
async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || !hasPrograms("unshare")) return false;
  const { code } = await run("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
  return code === 0;
}

/** A watch whose runs lie on a disk of 128 KB; what is left of its table goes to stdout. */
const ON_A_SMALL_DISK = `
mount -t tmpfs -o size=128k none "$1" || exit 9
runs="$1"; shift
"$@" --runs "$runs"; code=$?
cat "$runs"/*/drift.csv
exit $code`;

Deno.test({
  name: "a full disk is reported, and the watch goes on to its end",
  // Where the system does not let us mount, there is nothing that CI could install.
  ignore: !await canMount(),
  fn: () =>
    withFolder(async (folder) => {
      const frame = sceneFrames({ width: 96, height: 72 });
      const frames = await Promise.all(Array.from({ length: 150 }, (_, i) => frame(i)));
      const film = join(folder, "frames.mjpg");
      await Deno.writeFile(film, ReadableStream.from(frames));
      const disk = join(folder, "disk");
      await Deno.mkdir(disk);
      const watch = ["run", "-A", "--no-check", COMMAND, "-s", film, "--no-display"];
      const { code, stdout, stderr } = await run("unshare", [
        ...["-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", disk, Deno.execPath()],
        ...[...watch, "--model", "gist"],
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^Total frames: 150\n/);
      const reported = stderr.match(/^Cannot write snapshots of .*space.*; make room, .*$/gm);
      assert.equal(reported?.length, 1, stderr);
      const rows = stdout.slice(stdout.indexOf("timestamp,")).trimEnd().split("\r\n").slice(1);
      assert.ok(rows.length > 0);
      for (const row of rows) assert.match(row, /^\d+\.\d{6},\d+,-?\d\.\d{6},-?\d\.\d{6}$/);
    }),
});

const hasCuda = await resolveDevice("cuda").then(() => true, () => false);

Deno.test({
  name: "a GPU that is not there ends with 1 and says what to use instead",
  ignore: hasCuda,
  fn: () =>
    withFolder(async (folder) => {
      const frame = join(folder, "frame.jpg");
      await Deno.writeFile(frame, await sceneFrames({ width: 96, height: 72 })(0));
      const { code, stderr } = await run(Deno.execPath(), [
        ...["run", "-A", "--no-check", COMMAND, "-s", frame, "--no-save", "--no-display"],
        ...["--model", "gist", "--device", "cuda"],
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /cuda.*; or use --device cpu \(ENCODERS_DEVICE=cpu\)/);
    }),
});
