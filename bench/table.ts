/**
 * Writes committed results as a table into a README, between `<!-- bench:<name> -->` and
 * `<!-- /bench -->`: `deno run -A bench/table.ts checkpoint packages/onnx/README.md`.
 *
 * @module
 */
interface Row {
  group: string;
  name: string;
  min: number;
  ratio: number | null;
}

function duration(nanoseconds: number): string {
  const [unit, size] = nanoseconds < 1e6 ? ["µs", 1e3] as const : ["ms", 1e6] as const;
  return `${Number((nanoseconds / size).toPrecision(3))} ${unit}`;
}

function table(benches: Row[]): string {
  const rows = benches.map(({ group, name, min, ratio }) =>
    `| ${group} | ${name} | ${duration(min)} | ${ratio ?? ""} |`
  );
  const head = ["| group | job | fastest | to the group's first |", "| --- | --- | --- | --- |"];
  return [...head, ...rows].join("\n");
}

const [name, readme] = Deno.args;
if (!name || !readme) throw new TypeError("Cannot write a table: a result and a README are needed");
const record = JSON.parse(
  await Deno.readTextFile(new URL(`results/${name}.json`, import.meta.url)),
) as { machine: { cpu: string; cores: number }; runtime: string; benches: Row[] };
const { cpu, cores } = record.machine;
const block = `${table(record.benches)}\n\n${cpu}, ${cores} cores, ${record.runtime}.`;
const text = await Deno.readTextFile(readme);
const marked = new RegExp(`(<!-- bench:${name} -->\n)[^]*?(\n<!-- /bench -->)`);
if (!marked.test(text)) {
  throw new RangeError(`Cannot write a table: ${readme} has no mark for ${name}`);
}
await Deno.writeTextFile(readme, text.replace(marked, `$1\n${block}\n$2`));
