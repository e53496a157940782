import assert from "node:assert/strict";
import { flag, group, list, operand, operands, option, optionalOperand } from "./options.ts";
import { asksFor, operandUsage, parse } from "./parse.ts";
import { choice, file, number, text, whole } from "./values.ts";

const OPTIONS = {
  name: option(text(), { help: "title", short: "n" }),
  threads: option(whole({ min: 1 }), { help: "processors", env: "X_THREADS", default: 4 }),
  maxFps: option(number({ above: 0 }), { help: "frames", aliases: ["fps"] }),
  weights: option(text(), { help: "weights", formerly: ["pretrained", "checkpoint"] }),
  precision: option(choice(["fp32", "fp16"], { formerly: { f32: "fp32" } }), { help: "numbers" }),
  alert: list(text(), { help: "rule", env: "X_ALERT" }),
  json: flag({ help: "as JSON", short: "j", env: "X_JSON" }),
  display: flag({ help: "a page", default: true }),
  word: option(text(), { help: "password", env: "X_WORD", isSecret: true }),
  secretMode: flag({ help: "not shown", hidden: true }),
};
const OPERANDS = { files: operands(file(), "files") };

function read(args: string[], env: Record<string, string> = {}) {
  const notes: string[] = [];
  const context = {
    env: (name: string) => env[name],
    note: (line: string) => void notes.push(line),
  };
  const tables = { path: "x", options: OPTIONS, operands: OPERANDS };
  const { options, operands } = parse(args, tables, context);
  return { options, files: operands.files, notes };
}

const DEFAULTS = { threads: 4, alert: [], json: false, display: true, secretMode: false };

function refuses(args: string[], message: string): void {
  assert.throws(() => read(args), { name: "UsageError", message });
}

Deno.test("without words there are the defaults, and no key of what is not given", () => {
  const { options, files, notes } = read([]);
  assert.deepEqual(options, DEFAULTS);
  assert.deepEqual([files, notes], [[], []]);
  assert.ok(!("name" in options));
});

Deno.test("values come in every form, anywhere, and the last one counts", () => {
  const { options, files } = read([
    ...["a", "-n", "t", "--threads=2", "b", "--max-fps", "2.5", "-j", "--alert", "x"],
    ...["--threads", "3", "--alert=y", "--no-display", "--", "--name", "-j"],
  ]);
  assert.deepEqual(options, {
    ...DEFAULTS,
    ...{ name: "t", threads: 3, maxFps: 2.5, json: true, display: false, alert: ["x", "y"] },
  });
  assert.deepEqual(files, ["a", "b", "--name", "-j"]);
  assert.equal(read(["-jn", "t"]).options.name, "t");
  assert.equal(read(["-nt"]).options.name, "t");
  assert.equal(read(["--no-display", "--display"]).options.display, true);
  assert.equal(read(["-j", "--no-json"]).options.json, false);
});

Deno.test("names are what they are: prototypes' words, words with dashes, equals signs", () => {
  for (const name of ["constructor", "__proto__", "-d", "--threads", "a=b", "--"]) {
    assert.equal(read(["-n", name]).options.name, name);
    assert.equal(read([`--name=${name}`]).options.name, name);
  }
  assert.deepEqual(read(["constructor", "__proto__", "-"]).files, [
    "constructor",
    "__proto__",
    "-",
  ]);
  refuses(["--constructor"], "Unknown option --constructor");
  refuses(["--__proto__"], "Unknown option --__proto__");
  refuses(["--toString=1"], "Unknown option --toString");
});

Deno.test("an unknown option is named with the nearest right one", () => {
  refuses(["--thraeds", "2"], "Unknown option --thraeds: did you mean --threads?");
  refuses(["--thraeds=2"], "Unknown option --thraeds: did you mean --threads?");
  refuses(["--no-dispaly"], "Unknown option --no-dispaly: did you mean --no-display?");
  refuses(["-threads", "2"], "Unknown option -threads: did you mean --threads?");
  refuses(["--hlep"], "Unknown option --hlep: did you mean --help?");
  refuses(["--secretmode"], "Unknown option --secretmode");
  refuses(["-z"], "Unknown option -z");
  refuses(["--no-threads"], "Unknown option --no-threads: did you mean --threads?");
  refuses(["--\x1b[2J"], "Unknown option --\\x1b[2J");
});

Deno.test("a long name of one letter is not taken for a short one", () => {
  const tables = { path: "x", options: { q: flag({ help: "quiet" }) }, operands: {} };
  const context = { env: () => undefined, note() {} };
  assert.equal(parse(["--q"], tables, context).options.q, true);
  assert.throws(() => parse(["-q"], tables, context), { message: /^Unknown option -q/ });
});

Deno.test("wrong and missing values are refused in the one phrase", () => {
  refuses(["--threads", "x"], 'Cannot read --threads: found "x", expected whole numbers from 1');
  refuses(["--threads"], "Cannot read --threads: found no value, expected whole numbers from 1");
  refuses(["-n"], "Cannot read -n: found no value, expected texts that are not empty");
  refuses(["--json=yes"], 'Cannot read --json: found "yes", it takes no value');
});

Deno.test("old names and values are accepted with a note, aliases without", () => {
  const { options, notes } = read(["--pretrained", "laion", "--precision", "f32", "--fps", "3"]);
  assert.deepEqual([options.weights, options.precision, options.maxFps], ["laion", "fp32", 3]);
  assert.deepEqual(notes, [
    "--pretrained is now --weights",
    "--precision f32 is now --precision fp32",
  ]);
});

Deno.test("the environment stands in for what is not on the line; a wrong one is noted", () => {
  const env = { X_THREADS: " 7 ", X_ALERT: " a ", X_JSON: "on" };
  const { options } = read([], env);
  assert.deepEqual([options.threads, options.alert, options.json], [7, ["a"], true]);
  assert.equal(read(["--threads", "2"], { X_THREADS: "many" }).options.threads, 2);
  const wrong = read([], { X_THREADS: "many", X_JSON: "perhaps" });
  assert.deepEqual(wrong.options, DEFAULTS);
  assert.deepEqual(wrong.notes, [
    'Cannot read X_THREADS: found "many", expected whole numbers from 1; using 4',
    'Cannot read X_JSON: found "perhaps", expected 1 or 0; using false',
  ]);
  assert.equal(read([], { X_THREADS: "" }).options.threads, 4);
  assert.equal(read([], { X_JSON: "0" }).options.json, false);
});

Deno.test("operands are counted and read by their kinds", () => {
  const tables = {
    path: "copy",
    options: {},
    operands: {
      times: operand(whole({ min: 1 }), "how often"),
      from: operand(file("SOURCE"), "source"),
      to: optionalOperand(file("TARGET"), "target"),
    },
  };
  const of = (...args: string[]) =>
    parse(args, tables, { env: () => undefined, note() {} }).operands;
  assert.deepEqual(of("2", "a"), { times: 2, from: "a" });
  assert.deepEqual(of("2", "a", "b"), { times: 2, from: "a", to: "b" });
  assert.throws(() => of("2"), {
    message: "Cannot run copy: found 1 argument, expected N SOURCE [TARGET]",
  });
  assert.throws(() => of("2", "a", "b", "c"), { message: /found 4 arguments/ });
  assert.throws(() => of("x", "a"), { message: /^Cannot read N: found "x"/ });
  assert.equal(operandUsage({ all: operands(file("VIDEO"), "videos", 1) }), "VIDEO…");
  assert.equal(operandUsage(OPERANDS), "[FILE…]");
});

Deno.test("further operands come after the first ones", () => {
  const two = { one: operand(text("A"), "a"), more: operands(text("B"), "b", 2) };
  const tables = { path: "x", options: {}, operands: two };
  const of = (...args: string[]) =>
    parse(args, tables, { env: () => undefined, note() {} }).operands;
  assert.deepEqual(of("1", "2", "3"), { one: "1", more: ["2", "3"] });
  assert.throws(() => of("1", "2"), { message: /found 2 arguments, expected A B…/ });
});

Deno.test("help is asked for by an option, not by the value of one", () => {
  assert.ok(asksFor("help", ["a", "--nope", "--help"], OPTIONS));
  assert.ok(asksFor("help", ["-h"], OPTIONS));
  assert.ok(asksFor("version", ["--version"], OPTIONS));
  assert.ok(!asksFor("version", ["-h"], OPTIONS));
  assert.ok(!asksFor("help", ["--name", "--help"], OPTIONS));
  assert.ok(!asksFor("help", ["--", "--help"], OPTIONS));
});

Deno.test("group() keeps the options and their types", () => {
  const table = group("Model", OPTIONS);
  const tables = { path: "x", options: table, operands: {} };
  const { threads }: { threads: number } =
    parse([], tables, { env: () => undefined, note() {} }).options;
  assert.equal(threads, 4);
  assert.equal(table.threads.group, "Model");
});

Deno.test("a secret comes from a variable, or from a file that cannot be left out", () => {
  assert.equal(read([], { X_WORD: " open " }).options.word, " open ");
  assert.equal(read(["--word", "mine"], { X_WORD: "open" }).options.word, "mine");
  assert.throws(() => read([], { X_WORD_FILE: "/no/such" }), { name: "UsageError" });
});
