/**
 * Times on the command line.
 *
 * @module
 */
import { number, type ValueKind } from "@vcs/transport/internal";

const PLAIN = number({ min: 0, placeholder: "SEC" });

/** Seconds, or minutes and hours before them, as FFmpeg takes them: `90`, `1:30`, `0:01:30.5`. */
export const SECONDS: ValueKind<number> = {
  ...PLAIN,
  allowed: "seconds from 0, or [h:]m:s",
  parse(text) {
    const parts = /^(?:(\d+):)?(\d+):([0-5]?\d(?:\.\d*)?)$/.exec(text.trim());
    if (!parts) return PLAIN.parse(text);
    const [, hours = "0", minutes = "0", seconds = "0"] = parts;
    return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  },
};
