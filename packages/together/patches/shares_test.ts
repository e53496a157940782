import assert from "node:assert/strict";
import { openPatchEmbedder } from "./embedder.ts";
import { compareShares } from "./shares.ts";
import { writeVit } from "./testdata/vits.ts";

const CLIP = "apps/demo/clip.mp4";

async function withVit(use: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(await writeVit(folder), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("compareShares() keeps the patches with the most energy of each frame", () =>
  withVit(async (path, folder) => {
    using embedder = await openPatchEmbedder(path, { device: "cpu", cache: folder });
    const options = { frames: 3, inputSize: 56, shares: [0.25, 1] };
    const { grid, frames, shares } = await compareShares(CLIP, embedder, options);
    assert.equal(frames, 2);
    const all = grid.rows * grid.columns;
    assert.deepEqual(shares.map(({ patches }) => patches), [Math.round(all / 4), all]);
    const [some, whole] = shares as [typeof shares[0] & object, typeof shares[0] & object];
    for (const { least, mean } of [whole!.energy, whole!.random]) {
      assert.ok(least > 0.99999 && mean < 1.00001, `${least}, ${mean}`);
    }
    assert.ok(some!.energy.mean < 0.999 && some!.energy.least <= some!.energy.mean);
    assert.notEqual(some!.energy.mean, some!.random.mean);
    await assert.rejects(compareShares(CLIP, embedder, { shares: [0] }), /a share of 0/);
    await assert.rejects(compareShares(CLIP, embedder, { frames: 1 }), /found 1 frame/);
  }));

Deno.test("together embed-patches prints the table and writes the plot", () =>
  withVit(async (path, folder) => {
    const args = ["embed-patches", "--model", path, "--frames", "2", "--input-size", "56"];
    const more = ["--shares", "0.5,1", "--device", "cpu", "-o", `${folder}/plot.svg`, CLIP];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", "packages/together/mod.ts", ...args, ...more],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    assert.equal(lines.length, 4);
    assert.match(lines[3]!, /^\| 100 % \| \d+ \| 1.000 \| 1.000 \| 1.000 \| 1.000 \| \d+ \|$/);
    assert.match(await Deno.readTextFile(`${folder}/plot.svg`), /^<svg [^]*polyline[^]*<\/svg>\n$/);
  }));
