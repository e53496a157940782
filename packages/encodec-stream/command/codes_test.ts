/** The commands that change files without a model: `codes`, `cut`, `concat`, `set`. */
import assert from "node:assert/strict";
import { packCodes } from "../container/bits.ts";
import { formatHeader } from "../container/header.ts";
import { EcdcReader } from "../container/reader.ts";
import { run, scratch } from "../testing/command.ts";

Deno.test("codes to arrays and back, cut, concat and set, as commands", async () => {
  await using place = await scratch();
  const path = (name: string) => `${place.folder}/${name}`;
  const codes = Uint16Array.from({ length: 150 * 2 }, (_, i) => i * 7 % 1024);
  const header = { model: "encodec_24khz", samples: 150 * 320, codebooks: 2, title: "A" } as const;
  const file = await new Blob([formatHeader(header), packCodes(codes)]).bytes();
  await Deno.writeFile(path("a.ecdc"), file);
  const command = async (...args: string[]) => {
    const { code, stderr } = await run(args, place.env);
    return { code, stderr };
  };
  const done = async (...args: string[]) => assert.deepEqual((await command(...args)).code, 0);
  const read = (name: string) => Deno.readFile(path(name));

  await done("codes", path("a.ecdc"), "-o", path("a.safetensors"));
  await done("codes", path("a.safetensors"), "-o", path("b.ecdc"));
  assert.deepEqual(await read("b.ecdc"), file);
  await done("codes", path("a.ecdc"), "-o", path("a.npy"));
  await done("codes", path("a.npy"), "-o", path("c.ecdc"));
  await done("set", path("c.ecdc"), "--title", "A", "-o", path("d.ecdc"));
  assert.deepEqual(await read("d.ecdc"), file);

  const { stderr } = await command("cut", "--from", "0:01", path("a.ecdc"), "-o", path("end.ecdc"));
  assert.match(stderr, /end\.ecdc: 1\.000 to 2\.000 s of .*a\.ecdc\n$/);
  await done("cut", "--to", "1", path("a.ecdc"), "-o", path("start.ecdc"));
  await done("concat", path("start.ecdc"), path("end.ecdc"), "-o", path("e.ecdc"));
  await using reader = await EcdcReader.open(path("e.ecdc"));
  const blocks = await Array.fromAsync(reader.blocks());
  assert.deepEqual(blocks.flatMap((block) => [...block.codes]), [...codes]);

  const wrong: [string[], RegExp][] = [
    [["codes", path("a.ecdc"), "-o", path("x.ecdc")], /expected an \.ecdc file and one of arrays/],
    [["set", path("a.ecdc"), "-o", path("x.ecdc")], /found none, expected --title/],
    [["cut", path("a.ecdc"), "-o", path("a.ecdc")], /it is what is read/],
    [["concat", "-o", path("x.ecdc")], /expected FILE\|URL…/],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = await command(...args);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});
