/** Reads an `.ecdc` file and writes it again: the same bytes. */
import { type CodeBlock, EcdcReader, EcdcWriter, summarizeHeader } from "@vcs/encodec-stream/ecdc";
import { digest, type Entry, same } from "./check.ts";

/** The bytes of the parts one after the other. */
async function joined(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

async function written({ header }: EcdcReader, blocks: readonly CodeBlock[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const sink = { write: (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice())) };
  const writer = new EcdcWriter(sink, header);
  for (const block of blocks) await writer.write(block);
  await writer.close(header.samples);
  return await joined(parts);
}

const run: Entry = async (read) => {
  const bytes = await read("packages/encodec-stream/testdata/speech.ecdc");
  const reader = await EcdcReader.open(new Blob([bytes]).stream());
  const blocks: CodeBlock[] = [];
  for await (const block of reader.blocks()) blocks.push(block);
  const again = await written(reader, blocks);
  same(await digest(again), await digest(bytes), "the file written again");
  // From memory it seeks.
  const seeking = await EcdcReader.open(bytes);
  const middle: number[] = [];
  for await (const { index, frames } of seeking.blocks({ from: 100, to: 120 })) {
    middle.push(index, frames);
  }
  await seeking[Symbol.asyncDispose]();
  return { summary: summarizeHeader(reader.header), blocks: blocks.length, middle };
};

export default run;
