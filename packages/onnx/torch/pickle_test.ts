import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { OnnxError } from "../errors.ts";
import { type PickleHost, readPickle } from "./pickle.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";
import { failsWith, join, op } from "../testdata/checkpoint_cases.ts";

const host: PickleHost = {
  global: (name) => new PickleGlobal(name),
  construct: ({ name }, args) => new PickleObject(name, args),
  persistent: (id) => ({ id }),
};

function read(...parts: (string | number | Uint8Array)[]): unknown {
  return readPickle(join(...parts), host).value;
}

const invalid = failsWith("checkpoint-invalid");

Deno.test("numbers of every opcode", () => {
  const cases: [string, unknown][] = [
    ["I42\n", 42],
    ["I-7\n", -7],
    ["I00\n", false],
    ["I01\n", true],
    ["L123456789012345678901L\n", 123456789012345678901n],
    ["L-5L\n", -5],
    ["J\xff\xff\xff\xff", -1],
    ["K\xff", 255],
    ["M\x00\x01", 256],
    ["\x8a\x00", 0],
    ["\x8a\x01\x80", -128],
    ["\x8a\x02\xff\x00", 255],
    ["\x8b\x02\x00\x00\x00\x00\x80", -32768],
    ["\x8a\x08\x00\x00\x00\x00\x00\x00\x20\x00", 2n ** 53n],
    ["F2.5\n", 2.5],
    ["F-inf\n", -Infinity],
    ["G\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5],
    ["N", null],
    ["\x88", true],
    ["\x89", false],
  ];
  for (const [code, value] of cases) assert.deepEqual(read(code, "."), value, JSON.stringify(code));
});

Deno.test("strings and bytes of every opcode", () => {
  const cases: [string, unknown][] = [
    ["S'a\\x41\\n\\\\'\n", "aA\n\\"],
    ['S"it\'s"\n', "it's"],
    ["T\x02\x00\x00\x00ab", "ab"],
    ["U\x02\xc3\xa9", "é"],
    ["U\x01\xe9", "é"],
    ["Vcaf\\u00e9 \\U0001f3a5\n", "café 🎥"],
    ["X\x02\x00\x00\x00\xc3\xa9", "é"],
    ["\x8c\x01a", "a"],
    ["\x8d\x01\x00\x00\x00\x00\x00\x00\x00a", "a"],
    ["B\x02\x00\x00\x00\x00\xff", new Uint8Array([0, 255])],
    ["C\x01\x07", new Uint8Array([7])],
    ["\x8e\x01\x00\x00\x00\x00\x00\x00\x00\x07", new Uint8Array([7])],
    ["\x96\x01\x00\x00\x00\x00\x00\x00\x00\x07", new Uint8Array([7])],
  ];
  for (const [code, value] of cases) assert.deepEqual(read(code, "."), value, JSON.stringify(code));
});

Deno.test("containers of every opcode", () => {
  const cases: [string, unknown][] = [
    ["]", []],
    ["(K\x01K\x02l", [1, 2]],
    ["]K\x01a", [1]],
    ["](K\x01K\x02e", [1, 2]],
    [")", new PickleTuple([])],
    ["(K\x01K\x02t", new PickleTuple([1, 2])],
    ["K\x01\x85", new PickleTuple([1])],
    ["K\x01K\x02\x86", new PickleTuple([1, 2])],
    ["K\x01K\x02K\x03\x87", new PickleTuple([1, 2, 3])],
    ["}", new Map()],
    ["(K\x01K\x02d", new Map([[1, 2]])],
    ["}K\x01K\x02s", new Map([[1, 2]])],
    ["}(K\x01K\x02K\x03K\x04u", new Map([[1, 2], [3, 4]])],
    ["\x8f(K\x01\x90", new Set([1])],
    ["(K\x01\x91", new Set([1])],
  ];
  for (const [code, value] of cases) assert.deepEqual(read(code, "."), value, JSON.stringify(code));
});

Deno.test("stack, memo and persistent ids", () => {
  const cases: [string, unknown][] = [
    ["K\x01K\x020", 1],
    ["K\x01(K\x02K\x031", 1],
    ["K\x01(0", 1],
    ["K\x01q\x050h\x05", 1],
    ["K\x01r\x05\x00\x00\x000j\x05\x00\x00\x00", 1],
    ["K\x01p9\n0g9\n", 1],
    ["K\x01\x940K\x02\x940h\x01", 2],
    ["\x95\x00\x00\x00\x00\x00\x00\x00\x00K\x01", 1],
    ["K\x012\x86", new PickleTuple([1, 1])],
    ["P12\n", { id: "12" }],
    ["K\x0cQ", { id: 12 }],
  ];
  for (const [code, value] of cases) assert.deepEqual(read(code, "."), value, JSON.stringify(code));
});

Deno.test("names become stand-ins, whatever opcode makes an object", () => {
  const made = new PickleObject("m.C", [1]);
  const cases = [
    "cm\nC\n(K\x01tR",
    "\x8c\x01m\x8c\x01C\x93K\x01\x85R",
    "cm\nC\nK\x01\x85\x81",
    "cm\nC\nK\x01\x85}\x92",
    "(K\x01im\nC\n",
    "(cm\nC\nK\x01o",
  ];
  for (const code of cases) assert.deepEqual(read(code, "."), made, JSON.stringify(code));
});

Deno.test("BUILD notes attributes, APPEND items, SETITEM entries", () => {
  const object = read("cm\nC\n)\x81", op.dict(op.text("x"), op.int(1)), "bK\x02aK\x03K\x04s.");
  assert.ok(object instanceof PickleObject);
  assert.deepEqual([...object.attributes], [["x", 1]]);
  assert.deepEqual(object.items, [2]);
  assert.deepEqual([...object.entries], [[3, 4]]);
  const slots = read("cm\nC\n)\x81", op.tuple("N", op.dict(op.text("y"), op.int(2))), "b.");
  assert.deepEqual([...(slots as PickleObject).attributes], [["y", 2]]);
  const state = read("cm\nC\n)\x81K\x05b.");
  assert.deepEqual([...(state as PickleObject).attributes], [["", 5]]);
  assert.deepEqual(read("}}b."), new Map());
});

Deno.test("a cycle is a cycle", () => {
  const list = read("]q\x00h\x00a.") as unknown[];
  assert.equal(list[0], list);
});

Deno.test("the value's end is reported, so that pickles can follow one another", () => {
  const bytes = join("K\x01.K\x02.");
  const first = readPickle(bytes, host);
  assert.deepEqual(readPickle(bytes, host, first.end), { value: 2, end: 6 });
});

Deno.test("each broken pickle is refused", () => {
  const broken: Record<string, string> = {
    "nothing": "",
    "no STOP": "K\x01",
    "STOP on an empty stack": ".",
    "STOP with a mark on top": "K\x01(.",
    "unknown opcode": "\xff",
    "protocol 6": "\x80\x06",
    "POP of nothing": "0",
    "tuple without a mark": "K\x01t",
    "TUPLE2 of one": "K\x01\x86",
    "TUPLE2 across a mark": "K\x01(K\x02\x86",
    "odd SETITEMS": "}(K\x01u",
    "odd DICT": "(K\x01d",
    "SETITEM on a list": "]K\x01K\x02s",
    "APPEND to a dict": "}K\x01a",
    "ADDITEMS to a list": "](K\x01\x90",
    "unset memo slot": "h\x00",
    "PUT of nothing": "q\x00",
    "negative GET": "K\x01p1\n0g-1\n",
    "text as a number": "Iabc\n",
    "number that is too long": `L${"9".repeat(3000)}L\n`,
    "LONG1 that is cut": "\x8a\x05\x00",
    "LONG4 that is negative": "\x8b\xff\xff\xff\xff",
    "float of letters": "Fabc\n",
    "float of nothing": "F\n",
    "string without quotes": "Sabc\n",
    "line without an end": "Sabc",
    "invalid UTF-8": "X\x01\x00\x00\x00\xff",
    "4 GiB of text": "X\xff\xff\xff\xff",
    "2^63 bytes": `\x8e${"\x00".repeat(7)}\x80`,
    "character above Unicode": "V\\Uffffffff\n",
    "extension code": "\x82\x01",
    "extension code of 4 bytes": "\x84\x01\x00\x00\x00",
    "out-of-band buffer": "\x97",
    "REDUCE of a string": `${op.text("os.system")})R`,
    "REDUCE with a list": "cm\nC\n]R",
    "NEWOBJ of a number": "K\x01)\x81",
    "NEWOBJ with a list": "cm\nC\n]\x81",
    "STACK_GLOBAL of numbers": "K\x01K\x02\x93",
    "OBJ of nothing": "(o",
    "BUILD on a number": "K\x01}b",
    "BUILD on a class": "cm\nC\n}b",
    "BUILD without a state": "}b",
  };
  for (const [name, code] of Object.entries(broken)) assert.throws(() => read(code), invalid, name);
});

Deno.test("copying one long list for ever ends", () => {
  const long = `(${"N".repeat(100_000)}tq\x00`;
  const copies = [
    `${op.global("builtins", "list")}q\x01${"h\x01h\x00\x85R0".repeat(100)}`,
    `}q\x02(${"NN".repeat(10)}u${`${op.global("m", "C")})\x81h\x02b0`.repeat(10)}`,
  ];
  assert.throws(() => read(long, copies[0]!, "."), failsWith("limit", /elements/));
  assert.doesNotThrow(() => read(long, copies[1]!, "N."));
});

Deno.test("endless opcodes end", () => {
  const bytes = new Uint8Array(5_000_000).fill(0x4e);
  assert.throws(() => readPickle(bytes, host), failsWith("limit", /opcodes/));
});

Deno.test("damaged pickles give typed errors or data, never anything else", () => {
  const good = join(
    op.start,
    op.dict(
      op.text("a"),
      op.list(op.int(1), op.text("b"), "\x89"),
      op.text("c"),
      op.reduce(op.global("m", "C"), op.tuple(op.int(1)), op.long("ffff")),
    ),
    "q\x00h\x000.",
  );
  assert.ok(read(good) instanceof Map);
  for (const bytes of mutations(good, 20_000)) {
    try {
      readPickle(bytes, host);
    } catch (error) {
      assert.ok(error instanceof OnnxError, String(error));
    }
  }
});

Deno.test("integers have at most 1,024 bytes", () => {
  const zeros = new Uint8Array(1024);
  assert.equal(read("\x8b\x00\x04\x00\x00", zeros, "."), 0);
  assert.throws(
    () => read("\x8b\x01\x04\x00\x00", zeros, 0, "."),
    failsWith("checkpoint-invalid", /an integer of 1025 bytes, at most 1024 are allowed/),
  );
});
