import assert from "node:assert/strict";
import { formatHeader, UNKNOWN_LENGTH } from "./header.ts";
import { EcdcReader } from "./reader.ts";
import { repair } from "./repair.ts";
import { EcdcWriter } from "./writer.ts";

const codes = Uint16Array.from({ length: 150 * 2 }, (_, i) => (i * 37) % 1024);

/** What a writer leaves that never closes. */
async function cutOff(model: "encodec_24khz" | "encodec_48khz", segments: number) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const writer = new EcdcWriter({
    write: (bytes) => Promise.resolve(void parts.push(bytes.slice())),
    rewriteStart: () => Promise.resolve(),
  }, { model, codebooks: 2, title: "live", bitrate: 3 });
  for (let k = 0; k < segments; k++) await writer.write({ scale: 0.5, codes });
  return await new Blob(parts).bytes();
}

async function repaired(bytes: Uint8Array) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  await using reader = await EcdcReader.open(bytes);
  const seconds = await repair(reader, {
    write: (bytes) => Promise.resolve(void parts.push(bytes.slice())),
    patient: true,
  });
  await using whole = await EcdcReader.open(await new Blob(parts).bytes());
  assert.equal(whole.surplus, 0);
  assert.equal(whole.header.title, "live");
  assert.equal(whole.header.duration, seconds);
  return { seconds, blocks: await Array.fromAsync(whole.blocks()) };
}

Deno.test("a recording that was cut off gets its true length, and all that is complete", async () => {
  const bytes = await cutOff("encodec_48khz", 3);
  const { seconds, blocks } = await repaired(bytes);
  assert.equal(seconds, 2.97);
  assert.deepEqual(blocks.map((b) => b.frames), [150, 150, 149]);
  assert.deepEqual(blocks[2]!.codes, codes.slice(0, 149 * 2));
  const inside = await repaired(bytes.subarray(0, bytes.length - 9));
  assert.equal(inside.blocks.length, 3);
  assert.ok(inside.seconds > 1.98 && inside.seconds < 2.97, `${inside.seconds}`);
});

Deno.test("zeros that a power cut leaves behind the audio are no audio", async () => {
  const bytes = await cutOff("encodec_48khz", 2);
  const padded = new Uint8Array(bytes.length + 1000);
  padded.set(bytes);
  assert.deepEqual((await repaired(padded)).blocks.map((b) => b.frames), [150, 149]);
});

Deno.test("at 24 kHz every complete frame stays", async () => {
  const bytes = await cutOff("encodec_24khz", 1);
  const { seconds, blocks } = await repaired(bytes.subarray(0, bytes.length - 3));
  assert.deepEqual([seconds, blocks.reduce((n, b) => n + b.frames, 0)], [148 / 75, 148]);
});

Deno.test("a file without anything complete is refused", async () => {
  const fields = { model: "encodec_48khz", codebooks: 2, samples: UNKNOWN_LENGTH } as const;
  await using reader = await EcdcReader.open(formatHeader(fields));
  await assert.rejects(
    repair(reader, { write: () => Promise.resolve() }),
    /nothing in it is compl/,
  );
});
