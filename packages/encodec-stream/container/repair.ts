/**
 * Finishes a file whose writer was cut off: it has a header without a length, or one that promises too
 * much, and may end inside a segment.
 *
 * @module
 */
import { EcdcError } from "../errors.ts";
import type { CodeBlock, EcdcReader } from "./reader.ts";
import { asLast, writerFields } from "./edit.ts";
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

/**
 * Writes all that is complete as a file with its true length.
 *
 * @returns seconds of audio
 * @throws {EcdcError} `truncated` if nothing is complete, `unsupported` for entropy-coded files.
 */
export async function repair(reader: EcdcReader, sink: EcdcSink): Promise<number> {
  const { header } = reader;
  const writer = new EcdcWriter(sink, writerFields(header));
  let last: CodeBlock | undefined;
  for await (const block of complete(reader.blocks())) {
    if (last) await writer.write(last);
    last = block;
  }
  if (!last) {
    throw new EcdcError("truncated", "Cannot repair the file: nothing in it is complete");
  }
  const end = asLast(last, header);
  await writer.write(end);
  await writer.close(end.start + end.samples);
  return (end.start + end.samples) / header.rate;
}
