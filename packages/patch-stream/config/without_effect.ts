/**
 * Settings that do nothing beside the others.
 *
 * @module
 */
import type { PatchStreamConfig } from "../config.ts";
import { DECODE_FIELDS, PROCESS_FIELDS, type Resolved, resolvePatchConfig } from "./fields.ts";

type Config = Omit<PatchStreamConfig, "videoPath">;

/** When a field has an effect, and the words for that. */
interface Condition {
  readonly fields: readonly (keyof typeof FIELDS)[];
  readonly holds: (config: Resolved<PatchStreamConfig>) => boolean;
  readonly words: string;
}

const FIELDS = { ...DECODE_FIELDS, ...PROCESS_FIELDS };

const CONDITIONS: readonly Condition[] = [
  {
    fields: ["energyPct"],
    holds: ({ energy }) => energy === "reference",
    words: "--energy reference",
  },
  {
    fields: ["compensate"],
    holds: ({ energy }) => energy === "blocksad",
    words: "--energy blocksad",
  },
  {
    fields: ["staticAbsThresh", "staticRelThresh", "staticUniformFrames"],
    holds: ({ staticFallback }) => staticFallback,
    words: "--static-fallback",
  },
  {
    fields: ["uniformAutoRatio"],
    holds: ({ uniformStrategy }) => uniformStrategy === "auto",
    words: "--uniform-strategy auto",
  },
  {
    fields: ["decodeDeviceId", "nvdecSessionPoolSize"],
    holds: ({ decodeBackend }) => decodeBackend !== "cpu",
    words: "--decode-backend gpu",
  },
  {
    fields: ["processDeviceId"],
    holds: ({ processBackend }) => processBackend !== "cpu",
    words: "--process-backend gpu",
  },
  {
    fields: ["processThreads", "prefetchDepth"],
    holds: ({ processBackend }) => processBackend !== "gpu",
    words: "--process-backend cpu",
  },
];

/** A line for each setting that differs from its default and does nothing. */
export function withoutEffect(given: Config): string[] {
  const config = resolvePatchConfig({ ...given, videoPath: "-" });
  return CONDITIONS.filter(({ holds }) => !holds(config)).flatMap(({ fields, words }) =>
    fields
      .filter((name) => given[name] !== undefined && config[name] !== FIELDS[name].fallback)
      .map((name) => `--${spelled(name)} has no effect: it belongs to ${words}`)
  );
}

/** A flag that is on is turned off by its other name. */
function spelled(name: keyof typeof FIELDS): string {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `${FIELDS[name].fallback === true ? "no-" : ""}${dashed}`;
}
