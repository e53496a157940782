import assert from "node:assert/strict";

const folder = new URL("./", import.meta.url);

/** Names of all tests of the package; templates have a hole. */
async function testNames(): Promise<RegExp[]> {
  const names: RegExp[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const [, quoted] of text.matchAll(/(?:[tT]est\(|name: )\s*["`]([^"`]+)["`]/g)) {
      const pattern = quoted!.replace(/\$\{[^}]+\}/g, "\0").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      names.push(new RegExp(`^${pattern.replaceAll("\0", ".+")}$`));
    }
  }
  return names;
}

Deno.test("readme: all 42 requirements name tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("README.md", folder));
  const rows = [...text.matchAll(/^\| (\d+)\s*\|[^|]*\| (.*?)\s*\|$/gm)];
  assert.deepEqual(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: 42 }, (_, i) => i + 1),
  );
  const names = await testNames();
  const sources = names.map(({ source }) => source.slice(1, -1));
  for (const [, number, cell] of rows) {
    for (const [, name] of cell!.matchAll(/`([a-z]+: [^`]+)`/g)) {
      const start = name!.replace(/ …$/, "");
      const found = name!.endsWith("…")
        ? sources.some((source) => source.replaceAll("\\", "").startsWith(start))
        : names.some((pattern) => pattern.test(name!));
      assert(found, `item ${number}: no test is named ${name}`);
    }
  }
});
