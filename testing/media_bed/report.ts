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
  const torch = clips.filter(({ torchcodec = [] }) => torchcodec.length > 0).length;
  const counts = [clips.length, wrong("node-av"), wrong("ffmpeg"), torch];
  return `| ${[axis, value, ...counts].join(" | ")} |`;
}

/** Whether a clip was read otherwise than ffmpeg shows it. */
export const differs = ({ differences }: Outcome): boolean =>
  Object.values(differences).flat().length > 0;

/** Writes PATH.md: the clips that differ, and how many there were with each value of an axis. */
export async function writeReport(path: string, outcomes: readonly Outcome[]): Promise<void> {
  const frames = outcomes.reduce((sum, { frames }) => sum + frames, 0);
  const complained = outcomes.filter(({ complaints }) => complaints).length;
  const doubtful = outcomes.filter(({ doubtful }) => doubtful > 0).length;
  const wrong = outcomes.filter(differs);
  const peers = outcomes.filter(({ torchcodec }) => torchcodec !== undefined).length;
  const rows = Object.entries(AXES).flatMap(([axis, values]) =>
    values.map(({ name }) => tally(outcomes, axis as AxisName, name))
  );
  const text = [
    "# Test bed of the video reader",
    "",
    `${outcomes.length} clips with ${frames} frames; ffmpeg complains about ${complained} of them.`,
    `${wrong.length} differ from what the ffmpeg program shows. In ${doubtful} ffmpeg makes a time up`,
    "or lets one go back: there the reader's times ascend, and the steps behind it are compared.",
    `torchcodec read ${peers} of them; what it reads otherwise is counted beside ours.`,
    "",
    ...wrong.map((outcome) => `    ${JSON.stringify(outcome)}`),
    "",
    "| axis | value | clips | differ over node-av | differ over ffmpeg | differ in torchcodec |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ];
  await Deno.writeTextFile(`${path}.md`, text.join("\n"));
}
