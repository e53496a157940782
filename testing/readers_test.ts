/** Readers of files: hostile input and large honest input, by the memory that they take. */
import assert from "node:assert/strict";
import { PACKAGES, readText } from "./house.ts";
import { HAS_PEAKS, type Peak, peaksOf } from "./readers/peak_memory.ts";
import type { Reader } from "./readers/reader.ts";

/** A reader, and the module that lists it. */
type Listed = Reader & { readonly module: URL };

const READERS: readonly Listed[] = await Promise.all(
  ["tensors", "media", "codecs", "runs", "channels"].map(async (name) => {
    const module = new URL(`./readers/${name}.ts`, import.meta.url);
    const { READERS } = await import(module.href) as { READERS: readonly Reader[] };
    return READERS.map((reader) => ({ module, ...reader }));
  }),
).then((lists) => lists.flat());

/** Hostile files first: what is held of them counts for the honest one, which may take more. */
async function measure({ module, name, hostile, honest, isApart }: Listed) {
  const files = await Promise.all([...Object.values(hostile), honest].map((make) => make()));
  const groups = isApart ? files.map((file) => [file]) : [files];
  const peaks: Peak[] = [];
  for (const group of groups) peaks.push(...await peaksOf(module, name, group));
  return { peaks, inputs: files.map(({ length }) => length / 2 ** 20) };
}

for (const reader of READERS) {
  const { name, budget = 0, work = 0, hostile, ends = /^limit$/, out } = reader;
  Deno.test({
    name: `memory of ${name}`,
    ignore: !HAS_PEAKS,
    async fn(t) {
      const { peaks, inputs } = await measure(reader);
      const check = (what: string, { megabytes, outcome }: Peak, ends: RegExp, most: number) =>
        t.step(what, () => {
          assert.match(outcome, ends);
          assert.ok(megabytes < most, `${megabytes} MB, expected at most ${most}`);
        });
      for (const [i, what] of Object.keys(hostile).entries()) {
        await check(what, peaks[i]!, ends, 64 + Math.max(budget, 4 * inputs[i]!));
      }
      await check(
        "an honest file",
        peaks.at(-1)!,
        /^read$/,
        64 + work + 4 * (inputs.at(-1)! + out),
      );
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
