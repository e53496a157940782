/**
 * Edits of files without decoding or encoding anything: parts, joins and titles. A part begins and ends
 * on the edges of segments at 48 kHz (0.99 s), of frames at 24 kHz (13 ms).
 *
 * @module
 */
import { defined } from "@vcs/transport/portable";
import { EcdcError } from "../errors.ts";
import { type EcdcFields, type EcdcHeader, formatHeader, UNKNOWN_LENGTH } from "./header.ts";
import type { CodeBlock, EcdcReader } from "./reader.ts";
import { framesFor, unitSamples } from "./segments.ts";
import { type EcdcSink, EcdcWriter, type EcdcWriterFields } from "./writer.ts";

/** Bytes that are copied at a time. */
const COPIED = 1 << 16;

/** What a header says, but for the length, to be written again. */
export function writerFields(header: EcdcHeader): Omit<EcdcWriterFields, "samples"> {
  const { model, codebooks, version, sampleRate, bitrate, title, source, thumbnail } = header;
  const optional = defined({ sampleRate, bitrate, title, source, thumbnail });
  return { model, codebooks, version, ...optional };
}

/** A block as a file's last: at 48 kHz it ends where the next would begin. */
export function asLast(block: CodeBlock, { spec, codebooks }: EcdcHeader): CodeBlock {
  const samples = Math.min(block.samples, spec.segmentation?.stride ?? Infinity);
  const frames = framesFor(spec, samples);
  return { ...block, samples, frames, codes: block.codes.subarray(0, frames * codebooks) };
}

/** A block with others behind it: a segment that was a file's last gets its last frame again. */
function asInner(block: CodeBlock, { spec, codebooks }: EcdcHeader): CodeBlock {
  const frames = spec.segmentation ? framesFor(spec, spec.segmentation.length) : block.frames;
  const codes = new Uint16Array(frames * codebooks);
  codes.set(block.codes);
  const last = block.codes.subarray(-codebooks);
  for (let at = block.codes.length; at < codes.length; at += codebooks) codes.set(last, at);
  return { ...block, frames, codes };
}

/** A part of a file, in seconds. */
export interface EcdcPart {
  /** Where it begins. */
  readonly from: number;
  /** Where it ends. */
  readonly to: number;
}

/**
 * Writes the part of a file between two seconds, extended to the nearest edges.
 *
 * @param wanted seconds. Default: from the start, to the end.
 * @returns the part that was written
 * @throws {EcdcError} `no-audio` if the file has nothing there, and what reading throws.
 */
export async function cut(
  reader: EcdcReader,
  sink: EcdcSink,
  { from = 0, to = Infinity }: Partial<EcdcPart> = {},
): Promise<EcdcPart> {
  const { header, units } = reader;
  const unit = unitSamples(header.spec);
  const [first, end] = [
    Math.floor(from * header.rate / unit),
    Math.min(units, Math.ceil(to * header.rate / unit)),
  ];
  const writer = new EcdcWriter(sink, writerFields(header));
  const inner = (block: CodeBlock) => writer.write(block);
  const last = await eachButLast(reader.blocks({ from: first, to: end }), inner);
  if (!last) {
    throw new EcdcError(
      "no-audio",
      `Cannot cut from ${from} ${to < Infinity ? `to ${to} s` : "s on"}: found nothing there, ` +
        `the file ends at ${header.duration.toFixed(2)} s`,
    );
  }
  const isTail = end === units && header.samples !== UNKNOWN_LENGTH;
  const written = isTail ? last : asLast(last, header);
  await writer.write(written);
  const stop = written.start + written.samples;
  await writer.close(stop - first * unit);
  return { from: first * unit / header.rate, to: stop / header.rate };
}

/** Passes on all blocks but the last, which is returned. */
async function eachButLast(
  blocks: AsyncIterable<CodeBlock>,
  pass: (block: CodeBlock) => Promise<void>,
): Promise<CodeBlock | undefined> {
  let last: CodeBlock | undefined;
  for await (const block of blocks) {
    if (last) await pass(last);
    last = block;
  }
  return last;
}

/**
 * Writes several files one after the other, with the titles of the first. Where a 48 kHz file ends, the
 * fade to the next one has a frame that was not recorded; at 24 kHz a file whose last frame is not full
 * gets up to 13 ms longer.
 *
 * @returns seconds of audio
 * @throws {EcdcError} `unsupported` if the files are of several kinds, or one before the last ends
 * inside a segment; and what reading throws.
 * @throws {RangeError} if there are no files.
 */
export async function concat(readers: readonly EcdcReader[], sink: EcdcSink): Promise<number> {
  const [first] = readers;
  if (!first) throw new RangeError("Cannot join files: found none, expected at least one");
  const { header } = first;
  const unit = unitSamples(header.spec);
  readers.forEach((reader, i) => checkJoin(reader.header, header, i < readers.length - 1));
  const writer = new EcdcWriter(sink, writerFields(header));
  let samples = 0;
  for (const reader of readers) {
    const isLast = reader === readers.at(-1);
    const last = await eachButLast(reader.blocks(), (block) => writer.write(block));
    if (!last) continue;
    await writer.write(isLast ? last : asInner(last, header));
    const length = last.start + last.samples;
    samples += isLast ? length : Math.ceil(length / unit) * unit;
  }
  await writer.close(samples);
  return samples / header.rate;
}

function checkJoin(header: EcdcHeader, first: EcdcHeader, isInner: boolean): void {
  const kind = (h: EcdcHeader) => `${h.model} with ${h.codebooks} codebooks at ${h.rate} Hz`;
  const refuse = (found: string, expected: string) => {
    const message = `Cannot join files: found ${found}, expected ${expected}`;
    throw new EcdcError("unsupported", message);
  };
  if (kind(header) !== kind(first)) refuse(kind(header), kind(first));
  if (header.samples === UNKNOWN_LENGTH) refuse("one of unknown length", "files with a length");
  const { segmentation } = header.spec;
  if (!isInner || !segmentation || header.samples % segmentation.stride === 0) return;
  const whole = Math.floor(header.samples / segmentation.stride) * segmentation.stride;
  refuse(
    `one that ends at ${header.duration.toFixed(2)} s, inside a segment`,
    `an end such as ${(whole / header.rate).toFixed(2)} s (cut it there)`,
  );
}

/** Titles of a file. */
export type EcdcTitles = Pick<EcdcFields, "title" | "source" | "thumbnail">;

/**
 * Writes a file with other titles, and its audio byte for byte.
 *
 * @param titles those that change; an empty one is removed
 * @throws {EcdcError} `unsupported` for entropy-coded files.
 */
export async function setTitles(
  reader: EcdcReader,
  sink: EcdcSink,
  titles: EcdcTitles,
): Promise<void> {
  const { header, source } = reader;
  if (header.lm) {
    throw new EcdcError("unsupported", "Cannot set titles: the file is entropy-coded (lm is true)");
  }
  const fields = { ...writerFields(header), samples: header.samples, ...titles };
  await sink.write(formatHeader(fields));
  const run = await source.seek(header.bytes);
  for (;;) {
    const bytes = await run.read(COPIED);
    if (bytes.length === 0) return;
    await sink.write(bytes);
  }
}
