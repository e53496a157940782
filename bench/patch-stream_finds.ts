/**
 * How many of the kept patches show what moves, under a camera that moves and light that changes,
 * with frames compensated and as they are: `deno run -A bench/patch-stream_finds.ts` writes the
 * figures to `bench/results/patch-stream_finds.json` and the table into the README.
 *
 * @module
 */
import { patchesOfFrames } from "@vcs/patch-stream/frames";
import {
  makeScene,
  onSquare,
  SCENE,
  type SceneOptions,
} from "../packages/patch-stream/testdata/scene.ts";

/** Patches kept beside the first frame's: about as many as show the square. */
const BUDGET = 120;

const step = (frame: number) => frame < 8 ? [1, 0] as const : [1.3, 12] as const;
const fade = (frame: number) => [1 - 0.055 * frame, 0] as const;
const black = (frame: number) => frame % 5 === 4 ? [0, 16] as const : [1, 0] as const;

const SCENES: Record<string, SceneOptions> = {
  "still camera": {},
  "pan, 120 px/s": { pan: 120 },
  "pan, 240 px/s": { pan: 240 },
  "zoom, 15 % a second": { zoom: 0.15 },
  "turn, 10° a second": { turn: Math.PI / 18 },
  "pan of 240 px/s and noise": { pan: 240, noise: 4 },
  "exposure step": { light: step },
  "fade to a sixth": { light: fade },
  "three black frames": { light: black },
  "pan of 240 px/s and exposure step": { pan: 240, light: step },
};

/** Share of the budget that went to patches with the square, and to the most greedy frame. */
async function finds(frames: Uint8Array[], compensate: boolean) {
  const { width, height } = SCENE;
  const clip = { width, height, ids: frames.map((_, n) => n), frames };
  const all = { keyFrames: "first", compensate } as const;
  const { grid } = await patchesOfFrames({ ...clip, ids: [0], frames: [frames[0]!] }, all);
  const perFrame = grid.gridW * grid.gridH;
  const { fields } = await patchesOfFrames(clip, { ...all, kKeep: perFrame + BUDGET });
  const counts = new Array<number>(frames.length).fill(0);
  let found = 0;
  for (let at = 6 * perFrame; at < fields.data.length; at += 6) {
    const [frame, , , , row, column] = Array.from(fields.data.subarray(at, at + 6), Number);
    counts[frame!]!++;
    if (onSquare(grid, frame!, row!, column!)) found++;
  }
  return { onSquare: found / BUDGET, mostInOneFrame: Math.max(...counts) / BUDGET };
}

const scenes: Record<string, Record<string, Awaited<ReturnType<typeof finds>>>> = {};
for (const [name, options] of Object.entries(SCENES)) {
  const frames = makeScene(options);
  scenes[name] = { before: await finds(frames, false), after: await finds(frames, true) };
}
const percent = (share: number) => `${Math.round(100 * share)} %`;
const rows = Object.entries(scenes).map(([name, { before, after }]) =>
  `| ${name} | ${percent(before!.onSquare)} | ${percent(after!.onSquare)} | ${
    percent(before!.mostInOneFrame)
  } | ${percent(after!.mostInOneFrame)} |`
);
const table = [
  "| scene | on the square, as they are | compensated | in one frame, as they are | compensated |",
  "| --- | --- | --- | --- | --- |",
  ...rows,
].join("\n");
const root = new URL("../", import.meta.url);
await Deno.writeTextFile(
  new URL("bench/results/patch-stream_finds.json", root),
  `${JSON.stringify({ budget: BUDGET, scenes }, null, 2)}\n`,
);
const readme = new URL("packages/patch-stream/README.md", root);
const text = await Deno.readTextFile(readme);
const marked = /(<!-- bench:patch-stream_finds -->\n)[^]*?(\n<!-- \/bench -->)/;
if (!marked.test(text)) throw new RangeError("Cannot write the table: the README has no mark");
await Deno.writeTextFile(readme, text.replace(marked, `$1\n${table}\n$2`));
