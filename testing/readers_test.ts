/** Readers of files: hostile input and large honest input, by the memory that they take. */
import assert from "node:assert/strict";
import { PACKAGES, readText } from "./house.ts";
import { HAS_PEAKS, type Peak, peaksOf } from "./readers/peak_memory.ts";
import type { Reader } from "./readers/reader.ts";

/** A reader, and the module that lists it. */
type Listed = Reader & { readonly module: URL };

const READERS: readonly Listed[] = await Promise.all(
  ["tensors", "media", "codecs", "runs", "films", "channels"].map(async (name) => {
    const module = new URL(`./readers/${name}.ts`, import.meta.url);
    const { READERS } = await import(module.href) as { READERS: readonly Reader[] };
    return READERS.map((reader) => ({ module, ...reader }));
  }),
).then((lists) => lists.flat());

/** What was measured of a reader: its hostile files first, the honest one last. */
interface Measured {
  readonly peaks: readonly Peak[];
  /** Megabytes of each file. */
  readonly inputs: readonly number[];
}

/**
 * Hostile files first, then honest ones, the least first: what is still held of earlier ones counts
 * for later ones, which may take more.
 */
async function measure(group: readonly Listed[]): Promise<Map<Listed, Measured>> {
  const { module, isApart } = group[0]!;
  const files = [
    ...group.flatMap((reader) => Object.values(reader.hostile).map((make) => ({ reader, make }))),
    ...group.toSorted((a, b) => a.out - b.out).map((reader) => ({ reader, make: reader.honest })),
  ];
  const tries = await Promise.all(files.map(async ({ reader, make }) => ({
    reader,
    file: await make(),
  })));
  const peaks: Peak[] = [];
  for (const together of isApart ? tries.map((one) => [one]) : [tries]) {
    peaks.push(...await peaksOf(module, together.map((t) => ({ ...t, reader: t.reader.name }))));
  }
  return new Map(group.map((reader) => {
    const own = peaks.filter((_, i) => tries[i]!.reader === reader);
    const inputs = tries.filter((one) => one.reader === reader).map(({ file }) => file.length);
    return [reader, { peaks: own, inputs: inputs.map((bytes) => bytes / 2 ** 20) }];
  }));
}

/** Asserts what a reader took. */
async function check(reader: Listed, { peaks, inputs }: Measured, t: Deno.TestContext) {
  const { name, budget = 0, work = 0, hostile, ends = /^limit$/, out } = reader;
  const step = (what: string, { megabytes, outcome }: Peak, ends: RegExp, most: number) =>
    t.step(`${name}: ${what}`, () => {
      assert.match(outcome, ends);
      assert.ok(megabytes < most, `${megabytes} MB, expected at most ${most}`);
    });
  for (const [i, what] of Object.keys(hostile).entries()) {
    await step(what, peaks[i]!, ends, 64 + Math.max(budget, 4 * inputs[i]!));
  }
  const most = 64 + work + 4 * (inputs.at(-1)! + out);
  await step("an honest file", peaks.at(-1)!, /^read$/, most);
}

const groups = Map.groupBy(READERS, (r) => r.group ? `${r.module} ${r.group}` : r);
for (const group of groups.values()) {
  Deno.test({
    name: `memory of ${group.map(({ name }) => name).join("; ")}`,
    ignore: !HAS_PEAKS,
    async fn(t) {
      for (const [reader, measured] of await measure(group)) await check(reader, measured, t);
    },
  });
}

/** Names that belong to what reads bytes of others. */
const READS =
  /^(read|parse|decode|stream|load)[A-Z]|^open(?!Sender$|Encoder$|SoundEncoder$|Output$)|(Reader|Receiver|Decoder)$/;

/** What a package's public modules export that reads. */
async function readersOf(name: string): Promise<string[]> {
  const config = JSON.parse(await readText(`packages/${name}/deno.json`));
  const paths = Object.values<string>(config.exports).filter((p) => !/internal|portable/.test(p));
  const names = await Promise.all(paths.map(async (path) => {
    const module: object = await import(`../packages/${name}/${path}`);
    return Object.keys(module).filter((exported) => READS.test(exported));
  }));
  return [...new Set(names.flat())];
}

Deno.test("every reader, decoder and receiver that is exported is in these lists", async () => {
  const here = new Set(READERS.map(({ name }) => /^\w+/.exec(name)![0]));
  const exported = (await Promise.all(PACKAGES.map(readersOf))).flat();
  assert.deepEqual(exported.filter((name) => !here.has(name)), [], "add them to READERS");
  assert.deepEqual([...here].filter((name) => !exported.includes(name)), []);
});
