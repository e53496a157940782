/**
 * Checks the words of docs, comments and messages against a short list: terms that the field does
 * not use, or that this repository has one better word for. Part of `deno task gate`.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import { filesBelow, readText } from "./house.ts";

/** What is not written, and what is written instead. */
export const WORDS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:where|if) (?:not|none is|nothing is) given\b/i, "Default: X."],
  [/(?<!Object|export|import|imported|exported) \bby default\b/i, "Default: X."],
  [/\btold apart\b/i, "distinguished"],
  [/\blet(?:s|ting)? go of\b/i, "release, drop"],
  [/\bfar end\b/i, "peer"],
  [/\bpatience\b/i, "timeout"],
  [/\blonely\b/i, "disconnected"],
  [/\bfruitless\b/i, "failedAttempts"],
  [/\bruns of before\b/i, "past runs"],
  [/\btravels? with\b/i, "is bundled with"],
  [/\bgiveBack\b/, "release, requeue"],
  [/\bBreather\b/, "yieldToEventLoop"],
  [/\ballowed (?:is|are)\b/i, "expected"],
  [/\brecut\b/i, "retile"],
  [/\bknown_streams|knownStreams\b/i, "stream deduplication"],
  [/\bremembered_?text\b/i, "text cache"],
  [/\bitem \d+\b/i, "the subject of the test"],
];

/** Files whose words people read. */
async function proseFiles(): Promise<string[]> {
  const folders = ["packages", "apps", "bench", "testing", "models", "examples"];
  const found = await Promise.all(folders.map((folder) => filesBelow(folder).catch(() => [])));
  const top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
  return [...top, ...found.flat()].filter((path) =>
    /\.(ts|js|md|html)$/.test(path) && path !== "testing/words.ts" &&
    !path.startsWith("bench/results/")
  );
}

/** Old spellings of options that are still accepted. */
const ACCEPTED = /\b(?:formerly|aliases): /;

/** Every line that has a word of the list, as `path:line: "found", write instead`. */
export async function findWords(): Promise<string[]> {
  const faults: string[] = [];
  for (const path of await proseFiles()) {
    for (const [at, line] of (await readText(path)).split("\n").entries()) {
      if (ACCEPTED.test(line)) continue;
      for (const [pattern, instead] of WORDS) {
        const [found] = pattern.exec(line) ?? [];
        if (found !== undefined) faults.push(`${path}:${at + 1}: "${found}", write: ${instead}`);
      }
    }
  }
  return faults;
}

if (import.meta.main) {
  const faults = await findWords();
  for (const fault of faults) say(fault);
  Deno.exit(faults.length > 0 ? 1 : 0);
}
