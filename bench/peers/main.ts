/**
 * The same work by us and by others, side by side: `deno task bench:peers [PART…] [--rounds N]`.
 *
 * Every side is a process that waits; they take turns, job by job, so that a busy moment meets all of
 * them. PEERS_PYTHON names a Python (default: `python3`) with whichever of the peers are to be there;
 * what is missing is listed with the reason. Writes `bench/results/peers.json` and, in each package's
 * README, the table between `<!-- peers:PART -->` and `<!-- /peers -->`.
 *
 * @module
 */
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Part, PARTS } from "./parts.ts";

const FOLDER = import.meta.dirname!;

/** A process that does jobs when asked. */
class Side implements AsyncDisposable {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;
  #jobs: readonly string[] | undefined;

  constructor(name: string, command: string, args: string[]) {
    this.name = name;
    this.#child = new Deno.Command(command, {
      args,
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** What it is, once it is ready; or why it is not. */
  async ready(): Promise<{ version?: string; missing?: string }> {
    const { done, value } = await this.#lines.next();
    if (done) return { missing: "it ended before it was ready" };
    const { jobs, ...said } = JSON.parse(value);
    this.#jobs = jobs;
    return said;
  }

  /** Whether it knows a job. */
  does(job: string): boolean {
    return this.#jobs?.includes(job) ?? true;
  }

  /** Milliseconds of one round. */
  async run(job: string): Promise<number> {
    await this.#writer.write(new TextEncoder().encode(`${job}\n`));
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`Cannot compare: ${this.name} ended in ${job}`);
    return Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** One side in one job. */
interface Figure {
  readonly side: string;
  readonly job: string;
  readonly median: number;
}

/** What came of a part. */
interface Record {
  readonly machine: string;
  readonly versions: { readonly [side: string]: string };
  readonly missing: { readonly [side: string]: string };
  readonly figures: readonly Figure[];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Rounds of one job, every side in turn; the first is not counted. */
async function compare(sides: Side[], job: string, rounds: number): Promise<Figure[]> {
  const times = sides.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const ms = await side.run(job);
      if (round > 0) times[i]!.push(ms);
    }
  }
  return sides.map(({ name: side }, i) => ({ side, job, median: median(times[i]!) }));
}

async function measure(part: Part, rounds: number): Promise<Record> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const threads = availableParallelism();
  const given = JSON.stringify({ threads, folder, ...await part.prepare(folder, stack) });
  const python = Deno.env.get("PEERS_PYTHON") ?? "python3";
  const deno = ["run", "-A", "--no-check", `${FOLDER}/ours.ts`];
  const sides = [
    ...part.ours.map((name) => new Side(name, Deno.execPath(), [...deno, name, given])),
    ...part.peers.map((name) => new Side(name, python, [`${FOLDER}/peers.py`, name, given])),
  ];
  for (const side of sides) stack.use(side);
  const [versions, missing]: { [side: string]: string }[] = [{}, {}];
  for (const side of sides) {
    const said = await side.ready();
    if (said.version) versions![side.name] = said.version;
    else missing![side.name] = said.missing ?? "";
  }
  const here = sides.filter(({ name }) => name in versions!);
  const figures: Figure[] = [];
  for (const job of Object.keys(part.jobs)) {
    figures.push(...await compare(here.filter((side) => side.does(job)), job, rounds));
  }
  const machine = `${cpus()[0]?.model.trim()}, ${threads} processors`;
  return { machine, versions: versions!, missing: missing!, figures };
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** Milliseconds of every side; of the others also how many times longer than the first of ours. */
function table(part: Part, { figures, versions, missing, machine }: Record): string {
  const sides = [...part.ours, ...part.peers].filter((name) => name in versions);
  const cell = (job: string, side: string) => {
    const of = (name: string) => figures.find((f) => f.job === job && f.side === name)?.median;
    const [ms, first] = [of(side), of(part.ours[0]!)];
    if (ms === undefined || first === undefined) return "";
    const text = `${Number(ms.toPrecision(3))}`;
    return side === part.ours[0] ? text : `${text} (${(ms / first).toFixed(2)}×)`;
  };
  const rows = Object.entries(part.jobs).map(([job, words]) =>
    row([words, ...sides.map((side) => cell(job, side))])
  );
  const nameOf = (side: string) => side in OUR_NAMES ? OUR_NAMES[side]! : side;
  const lines = [
    row(["ms", ...sides.map(nameOf)]),
    row(["---", ...sides.map(() => "---")]),
    ...rows,
  ];
  const seen = [...new Set(part.peers.flatMap((p) => versions[p]?.split(", ") ?? []))];
  const absent = Object.keys(missing).length === 0
    ? ""
    : ` Not at hand: ${Object.keys(missing).join(", ")}.`;
  const intro =
    `Beside others, every side in turn, medians (\`deno task bench:peers\`, ${part.what}):`;
  return `${intro}\n\n${lines.join("\n")}\n\n${seen.join(", ")}; ${machine}.${absent}`;
}

/** What our sides are called in tables. */
const OUR_NAMES: { readonly [side: string]: string } = {
  media: "ours",
  sound: "ours",
  pictures: "ours",
  "pictures, int8": "ours, int8",
  formats: "ours",
};

async function writeTable(name: string, part: Part, record: Record): Promise<void> {
  const readme = new URL(`../../packages/${part.package}/README.md`, import.meta.url);
  const text = await Deno.readTextFile(readme);
  const marked = new RegExp(`(<!-- peers:${name} -->\n)[^]*?(\n?<!-- /peers -->)`);
  if (!marked.test(text)) throw new RangeError(`Cannot write a table: no mark for ${name}`);
  const filled = text.replace(marked, () => {
    return `<!-- peers:${name} -->\n\n${table(part, record)}\n\n<!-- /peers -->`;
  });
  await Deno.writeTextFile(readme, filled);
  const args = ["fmt", "--quiet", fileURLToPath(readme)];
  await new Deno.Command(Deno.execPath(), { args }).output();
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "7" } },
  allowPositionals: true,
});
const results = new URL("../results/peers.json", import.meta.url);
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const part = PARTS[name];
  if (!part) throw new TypeError(`Cannot compare ${name}: parts are ${Object.keys(PARTS).join()}`);
  const record = await measure(part, Number(values.rounds));
  const before = await Deno.readTextFile(results).then(JSON.parse, () => ({}));
  await Deno.writeTextFile(
    results,
    `${JSON.stringify({ ...before, [name]: record }, null, 2)}\n`,
  );
  await Deno.stdout.write(new TextEncoder().encode(`${name}\n\n${table(part, record)}\n\n`));
  await writeTable(name, part, record);
}
