import assert from "node:assert/strict";
import { formatHeader, parseHeader } from "../container/header.ts";
import type { CodeBlock } from "../container/reader.ts";
import { SeekNote } from "./seek_note.ts";

/** What is said of a seek where 32 s of codes take some seconds. */
async function notesOf(model: "encodec_24khz" | "encodec_48khz", from: number, pace: number) {
  const header = parseHeader(formatHeader({ model, samples: 3600 * 24000, codebooks: 2 }));
  let clock = 0;
  const source = {
    header,
    units: 0,
    async *blocks(): AsyncGenerator<CodeBlock> {
      for (let start = 0; start < from; start += 32) {
        yield await Promise.resolve({ start: start * header.rate } as CodeBlock);
        clock += pace * 1000;
      }
    },
  };
  const notes: string[] = [];
  const noted = new SeekNote(source, from, () => clock, (line) => notes.push(line));
  for await (const _ of noted.blocks());
  return notes;
}

Deno.test("a long exact seek says how long it takes, once, and what is quick", async () => {
  const [note, ...more] = await notesOf("encodec_24khz", 3232, 0.8);
  assert.match(note!, /about 80 s; --preroll 1 starts at once/);
  assert.deepEqual(more, []);
  assert.deepEqual(await notesOf("encodec_24khz", 100, 0.8), []);
  assert.deepEqual(await notesOf("encodec_48khz", 3232, 0.8), []);
});
