/**
 * The command line: Encodec-Stream's own short options, found anywhere, with the file as the last
 * argument, and long names for all of them.
 *
 * @module
 */
import { UsageError } from "@vcs/transport/internal";

/** What the command does. */
export type Mode = "info" | "decode" | "encode";

/** An option of the command. */
interface Option {
  /** Spellings, the long one last. */
  readonly names: readonly string[];
  /** Modes that take it. */
  readonly modes: readonly Mode[];
  /** Placeholder of its value; undefined for a switch. */
  readonly value?: string;
  /** What it does, in a few words. */
  readonly help: string;
}

const BOTH: readonly Mode[] = ["decode", "encode"];
const DECODE: readonly Mode[] = ["decode"];
const ENCODE: readonly Mode[] = ["encode"];
const INFO: readonly Mode[] = ["info"];

/** Every option, in the order of the help. */
const OPTIONS: readonly Option[] = [
  { names: ["--json"], modes: INFO, help: "print the header as JSON" },
  { names: ["-ss", "--from"], modes: DECODE, value: "SEC", help: "start at this second" },
  { names: ["-to", "--to"], modes: DECODE, value: "SEC", help: "stop at this second (0: the end)" },
  {
    names: ["-b", "--batch"],
    modes: DECODE,
    value: "N",
    help: "most segments per call (16; 24 kHz: seconds, 1); 0: all at once",
  },
  {
    names: ["-o", "--output"],
    modes: DECODE,
    value: "FILE",
    help: "write here (-: standard output)",
  },
  { names: ["--format"], modes: DECODE, value: "F", help: "s16, f32 or wav; 48 kHz stereo (s16)" },
  {
    names: ["--preroll"],
    modes: DECODE,
    value: "SEC",
    help: "24 kHz: seek quickly, not exactly, by running SEC before",
  },
  {
    names: ["--lm-checkpoint"],
    modes: DECODE,
    value: "REF",
    help: "weights of the language model, for files with lm",
  },
  {
    names: ["-b", "--bitrate"],
    modes: ENCODE,
    value: "KBPS",
    help: "any bitrate from 0.1 to 1000 (24)",
  },
  { names: ["-n", "--name"], modes: ENCODE, value: "TITLE", help: "title" },
  { names: ["-s", "--source"], modes: ENCODE, value: "URL", help: "where it comes from" },
  { names: ["-t", "--thumbnail"], modes: ENCODE, value: "URL", help: "its picture" },
  {
    names: ["--input"],
    modes: ENCODE,
    value: "FILE",
    help: "WAV, FLAC, MP3 … (standard input: s16le 48 kHz stereo)",
  },
  {
    names: ["--model"],
    modes: ENCODE,
    value: "NAME",
    help: "encodec_24khz, encodec_48khz or encodec_tiny_24khz",
  },
  {
    names: ["--batch"],
    modes: ENCODE,
    value: "N",
    help: "segments per call (pipe: 1, file: 16)",
  },
  {
    names: ["--samples"],
    modes: ENCODE,
    value: "N",
    help: "length, if known: a pipe then gets data at once",
  },
  { names: ["--low-latency"], modes: BOTH, help: "24 kHz: chunks of 0.1 s" },
  {
    names: ["--checkpoint"],
    modes: BOTH,
    value: "REF",
    help: "weights: a name, a path or an address",
  },
  { names: ["-g", "--gpu"], modes: BOTH, value: "N", help: "same as --device cuda:N" },
  { names: ["--device"], modes: BOTH, value: "D", help: "auto, cpu, cuda[:N] or webgpu (auto)" },
  { names: ["--threads"], modes: BOTH, value: "N", help: "processors to use (all)" },
];

const MODES: Readonly<Record<string, Mode>> = {
  "-i": "info",
  "--info": "info",
  "-d": "decode",
  "--decode": "decode",
  "-e": "encode",
  "--encode": "encode",
};

/** The more cautious mode wins where several are named, as in the original. */
const PREFERENCE: readonly Mode[] = ["info", "decode", "encode"];

/** A parsed command line. */
export interface Arguments {
  /** What to do. */
  readonly mode: Mode;
  /** The last argument: what to read, or with `-e` what to write. */
  readonly file: string;
  /** Values of options by long name without dashes; "" for a switch that is set. */
  readonly options: ReadonlyMap<string, string>;
}

function longName(option: Option): string {
  return option.names.at(-1)!.slice(2);
}

/** Takes one option with its value off the front. */
function takeOption(words: string[], mode: Mode): [string, string] {
  const [word = "", ...inline] = words.shift()!.split("=");
  const named = OPTIONS.filter((o) => o.names.includes(word));
  const option = named.find((o) => o.modes.includes(mode));
  if (!option) {
    throw new UsageError(
      named.length > 0 ? `Cannot use ${word} with --${mode}` : `Cannot understand option ${word}`,
    );
  }
  if (option.value === undefined) {
    if (inline.length > 0) throw new UsageError(`Cannot use ${word}: it takes no value`);
    return [longName(option), ""];
  }
  const value = inline.length > 0 ? inline.join("=") : words.shift();
  if (value === undefined) throw new UsageError(`Cannot use ${word}: it needs a value`);
  return [longName(option), value];
}

/**
 * Parses a command line.
 *
 * @throws {UsageError} where no mode or no file is given, or an option is unknown.
 */
export function parseArguments(args: readonly string[]): Arguments {
  const asked = args.map((word) => MODES[word]).filter((m) => m !== undefined);
  const mode = PREFERENCE.find((m) => asked.includes(m));
  if (!mode) throw new UsageError("Cannot tell what to do: one of -i, -d and -e is needed");
  const words = args.filter((word) => MODES[word] === undefined);
  const options = new Map<string, string>();
  const files: string[] = [];
  while (words.length > 0) {
    if (words[0]!.startsWith("-") && words[0] !== "-") options.set(...takeOption(words, mode));
    else files.push(words.shift()!);
  }
  if (files.length !== 1) {
    throw new UsageError(`Cannot --${mode}: one file is needed, found ${files.length}`);
  }
  return { mode, file: files[0]!, options };
}

function helpLines(mode: Mode): string[] {
  return OPTIONS.filter((o) => o.modes.includes(mode) && (o.modes !== BOTH || mode === "decode"))
    .map(({ names, value, help }) => {
      const head = `${names.join(", ")}${value ? ` ${value}` : ""}`;
      return `  ${head.padEnd(21)} ${help}`;
    });
}

/** The text of `--help`. */
export function helpText(): string {
  return [
    "Usage: encodec-stream -i [--json] FILE|URL           what a file says about itself",
    "       encodec-stream -d [options] FILE|URL > PCM    decode: s16le, 48 kHz, stereo",
    "       encodec-stream -e [options] FILE < PCM        encode",
    "       encodec-stream play [FILE|URL]                a page that plays (play --help)",
    "       encodec-stream list|pull|verify|rm|doctor     models: what is here, fetch, remove",
    "       (- is standard input or output; -i, -d, -e are --info, --decode, --encode)",
    "Decode and, from --low-latency on, encode:",
    ...helpLines("decode"),
    "Encode:",
    ...helpLines("encode"),
  ].join("\n");
}
