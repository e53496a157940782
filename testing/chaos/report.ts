/**
 * What runs of chaos came to, as tables.
 *
 * @module
 */
import { KINDS } from "./plan.ts";
import type { RunResult } from "./run.ts";

/** Whether a run lost nothing that is promised, no end gave up, and it went on to its end. */
export function isGood({ lost, stuck, ended }: RunResult): boolean {
  return lost.length === 0 && !stuck && ended.length === 0;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Both tables, a row a channel: what became of the messages, and how often each fault took place. */
export function reportOf(results: readonly RunResult[]): string {
  const channels = [...new Set(results.map(({ channel }) => channel))];
  const of = (channel: string) => results.filter((result) => result.channel === channel);
  const sum = (channel: string, value: (result: RunResult) => number) =>
    of(channel).reduce((total, result) => total + value(result), 0);
  const messages = channels.map((channel) => [
    channel,
    of(channel).length,
    sum(channel, ({ sent }) => sent),
    sum(channel, ({ lost }) => lost.length),
    sum(channel, ({ stuck }) => stuck ? 1 : 0),
    sum(channel, ({ doubled }) => doubled),
    sum(channel, ({ disordered }) => disordered),
    sum(channel, ({ deleted }) => deleted),
    sum(channel, ({ ended }) => ended.length),
  ]);
  const faults = channels.map((
    channel,
  ) => [channel, ...KINDS.map((kind) => sum(channel, (result) => result.faults[kind] ?? 0))]);
  const head = ["channel", "runs", "sent", "lost", "stuck", "doubled", "older after newer"];
  return [
    table([...head, "deleted with the queue", "ends that gave up"], messages),
    table(["channel", ...KINDS], faults),
  ].join("\n\n");
}
