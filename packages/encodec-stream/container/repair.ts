/**
 * Finishes a file whose writer was cut off: it has a header without a length, or one that promises too
 * much, and may end inside a segment.
 *
 * @module
 */
import { defined } from "@vcs/transport/portable";
import { EcdcError } from "../errors.ts";
import type { CodeBlock, EcdcReader } from "./reader.ts";
import { framesFor } from "./segments.ts";
import { type EcdcSink, EcdcWriter } from "./writer.ts";

/** The blocks before the damage. */
async function* complete(blocks: AsyncIterable<CodeBlock>): AsyncGenerator<CodeBlock> {
  try {
    yield* blocks;
  } catch (error) {
    const isDamage = error instanceof EcdcError &&
      (error.code === "truncated" || error.code === "bad-segment");
    if (!isDamage) throw error;
  }
}

/** A file's last segment ends before the next would begin. */
function asLast(block: CodeBlock, { header: { spec, codebooks } }: EcdcReader): CodeBlock {
  const samples = Math.min(block.samples, spec.segmentation?.stride ?? Infinity);
  const frames = framesFor(spec, samples);
  return { ...block, samples, frames, codes: block.codes.subarray(0, frames * codebooks) };
}

/**
 * Writes all that is complete as a file with its true length.
 *
 * @returns seconds of audio
 * @throws {EcdcError} `truncated` if nothing is complete, `unsupported` for entropy-coded files.
 */
export async function repair(reader: EcdcReader, sink: EcdcSink): Promise<number> {
  const { header } = reader;
  const { model, codebooks, version, sampleRate, bitrate, title, source, thumbnail } = header;
  const optional = defined({ sampleRate, bitrate, title, source, thumbnail });
  const writer = new EcdcWriter(sink, { model, codebooks, version, ...optional });
  let last: CodeBlock | undefined;
  for await (const block of complete(reader.blocks())) {
    if (last) await writer.write(last);
    last = block;
  }
  if (!last) {
    throw new EcdcError("truncated", "Cannot repair the file: nothing in it is complete");
  }
  const end = asLast(last, reader);
  await writer.write(end);
  await writer.close(end.start + end.samples);
  return (end.start + end.samples) / header.rate;
}
