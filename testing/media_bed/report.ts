/**
 * The report of a run of the test bed.
 *
 * @module
 */
import type { Outcome } from "./main.ts";
import { AXES, type AxisName } from "./axes.ts";

/** Clips with a value, and those of them with a difference. */
function tally(outcomes: readonly Outcome[], axis: AxisName, value: string): string {
  const clips = outcomes.filter(({ draw }) => draw[axis] === value);
  const wrong = (backend: "node-av" | "ffmpeg") =>
    clips.filter(({ differences }) => differences[backend].length > 0).length;
  return `| ${axis} | ${value} | ${clips.length} | ${wrong("node-av")} | ${wrong("ffmpeg")} |`;
}

/** Writes PATH.json with the clips that differ, and PATH.md with the counts by axis. */
export async function writeReport(path: string, outcomes: readonly Outcome[]): Promise<void> {
  const wrong = outcomes.filter(({ differences }) => Object.values(differences).flat().length > 0);
  const facts = {
    clips: outcomes.length,
    frames: outcomes.reduce((sum, { frames }) => sum + frames, 0),
    complained: outcomes.filter(({ complaints }) => complaints).length,
    differ: wrong.length,
  };
  const rows = Object.entries(AXES).flatMap(([axis, values]) =>
    values.map(({ name }) => tally(outcomes, axis as AxisName, name))
  );
  const text = [
    "# Test bed of the video reader",
    "",
    `${facts.clips} clips with ${facts.frames} frames; ffmpeg complains about ${facts.complained} of`,
    `them. ${facts.differ} differ from what the ffmpeg program shows.`,
    "",
    "| axis | value | clips | differ over node-av | differ over ffmpeg |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ];
  await Deno.writeTextFile(`${path}.md`, text.join("\n"));
  await Deno.writeTextFile(`${path}.json`, JSON.stringify({ ...facts, wrong }, null, 2) + "\n");
}
