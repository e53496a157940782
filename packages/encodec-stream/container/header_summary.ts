/**
 * A header as text in the form of Encodec-Stream's `-i`, and as plain values for programs.
 *
 * @module
 */
import { type EcdcHeader, UNKNOWN_LENGTH } from "./header.ts";
import { formatJson, type Json, PythonNumber, quote } from "./python_json.ts";
import { segmentCount } from "./segments.ts";

/** Seconds with the digits that Encodec-Stream prints: the same divisions in the same order. */
function printedDuration({ samples, spec, rate }: EcdcHeader): number {
  const kilohertz = spec.sampleRate / 1000;
  return samples / kilohertz / 1000 * spec.sampleRate / rate;
}

/** A float that prints with its point even if it is whole. */
function float(value: number): PythonNumber {
  return new PythonNumber(Number.isInteger(value) ? `${value}.0` : `${value}`);
}

/** Printed names of keys, in their order; other keys follow under their own names. */
const NAMED: readonly (readonly [key: string, name: string])[] = [
  ["sr", "Sample Rate"],
  ["br", "Bitrate"],
  ["t", "Thumbnail"],
  ["s", "Source"],
];

/**
 * The header as lines of `Key: value`, with values as Python's JSON, so that no text of a file reaches
 * a terminal unescaped. Durations are right: the original doubles those of 24 kHz files with `sr`.
 */
export function describeHeader(header: EcdcHeader): string {
  const entries = new Map(header.entries);
  const lines: [string, Json][] = [["Version", header.version]];
  const move = (key: string, name: string) => {
    const value = entries.get(key);
    if (value !== undefined) lines.push([name, value]);
    entries.delete(key);
  };
  move("n", "Name");
  const isKnown = header.samples !== UNKNOWN_LENGTH;
  lines.push(["Duration", isKnown ? float(printedDuration(header)) : null]);
  for (const [key, name] of NAMED) move(key, name);
  for (const [key, value] of entries) lines.push([quote(key.toUpperCase()).slice(1, -1), value]);
  return lines.map(([name, value]) => `${name}: ${formatJson(value)}\n`).join("");
}

/** A header as plain values, for programs. */
export interface HeaderSummary {
  /** Version byte. */
  readonly version: number;
  /** Name of the model. */
  readonly model: string;
  /** Seconds, or null if the header does not know. */
  readonly duration: number | null;
  /** PCM rate in Hz. */
  readonly sampleRate: number;
  /** Channels of the model. */
  readonly channels: number;
  /** Samples per channel, or null if the header does not know. */
  readonly samples: number | null;
  /** Codebooks in use. */
  readonly codebooks: number;
  /** Size of the codes in kbit per second of audio. */
  readonly bitrate: number;
  /** Segments, 1 at 24 kHz; null if the header does not know. */
  readonly segments: number | null;
  /** Whether the codes are entropy-coded. */
  readonly lm: boolean;
  /** Title, or null. */
  readonly title: string | null;
  /** URL of the origin, or null. */
  readonly source: string | null;
  /** URL of an image, or null. */
  readonly thumbnail: string | null;
}

/** A header as plain values. */
export function summarizeHeader(header: EcdcHeader): HeaderSummary {
  const { spec, codebooks, rate } = header;
  const isKnown = header.samples !== UNKNOWN_LENGTH;
  return {
    version: header.version,
    model: header.model,
    duration: isKnown ? header.duration : null,
    sampleRate: rate,
    channels: spec.channels,
    samples: isKnown ? header.samples : null,
    codebooks,
    bitrate: codebooks * spec.bitsPerCodebook / 1000 * (rate / spec.sampleRate),
    segments: isKnown ? segmentCount(spec, header.samples) : null,
    lm: header.lm,
    title: header.title ?? null,
    source: header.source ?? null,
    thumbnail: header.thumbnail ?? null,
  };
}
