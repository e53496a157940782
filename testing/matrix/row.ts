/**
 * A line of the report.
 *
 * @module
 */

/** What came of faults of one kind. */
export interface Row {
  /** What they happened to. */
  readonly store: string;
  /** Their kind. */
  readonly fault: string;
  /** How many. */
  readonly tried: number;
  /** Items that the store had taken. */
  readonly kept: number;
  /** Those that are not there. */
  readonly lost: number;
  /** What reads as something else, cannot be read, or happened without a word. */
  readonly wrong: number;
  /** Faults after which the store took new items by itself. */
  readonly healed: number;
  /** What was said, or why it was not tried. */
  readonly told: string;
}

/** Works in a folder that is there as long. */
export async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

/** The report. */
export function reportOf(rows: readonly Row[], kills: number): string {
  const lines = rows.map(({ store, fault, tried, kept, lost, wrong, healed, told }) => {
    const words = told.replaceAll("|", "\\|").replace(/\s+/g, " ").slice(0, 160);
    return `| ${[store, fault, tried, kept, lost, wrong, healed, words].join(" | ")} |`;
  });
  return `# Faults

\`deno task matrix ${kills}\` on ${Deno.build.os} ${Deno.build.arch}, Deno ${Deno.version.deno}. Items
are messages, windows, frames, models, or records. Kept are those of which a store had said that they
stay before the faults; lost are those of them that are not there afterwards; wrong is what reads as
something else, cannot be read, or happened without a word; healed are faults after which the store
went on by itself, once room, folder, server or clock were as they should be. Of a folder that goes,
its items go with it. A quarter of the kills come at any moment since the start of the process, the
others while it writes. The clock is moved under the running process by libfaketime; times of files
stay the kernel's. Outputs of batches are compared, byte for byte, with those of a batch to which
nothing happened. Brokers are tried by \`deno task channels\` and \`deno task chaos\`.

| store | fault | tried | kept | lost | wrong | healed | what was said |
| --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join("\n")}
`;
}
