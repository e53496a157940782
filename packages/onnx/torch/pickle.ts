/**
 * A pickle reader that builds data and nothing else. It knows the opcodes of protocols 0 to 5 (as
 * CPython's `pickletools` documents them), never calls, imports or looks up anything, and hands
 * names and persistent ids to a host that decides what they stand for.
 *
 * @module
 */
import { Budget, bytesOf, ELEMENT_BYTES, ENTRY_BYTES } from "./budget.ts";
import { OnnxError } from "../errors.ts";
import { pickleError, PickleInput } from "./pickle_input.ts";
import { parseDecimal, parseFloatLine, unescapeUnicode, unquote } from "./pickle_text.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";

/** Decides what the names in a pickle stand for. */
export interface PickleHost {
  /** Accepts a dotted name or throws. */
  global(name: string): PickleGlobal;
  /** What REDUCE of an accepted name with arguments gives. */
  construct(callable: PickleGlobal, args: readonly unknown[]): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** A pickle's value and where the bytes behind it begin. */
export interface PickleResult {
  /** The value. */
  readonly value: unknown;
  /** First byte after the pickle. */
  readonly end: number;
}

/**
 * Steps in one pickle: opcodes, and elements that an opcode copies (a pickle of a few KB could copy
 * one long list for ever). A checkpoint of 10,000 tensors takes about 400,000.
 */
const MAX_STEPS = 4_000_000;
/** Characters or bytes that count as one step when they are copied. */
const BYTES_PER_STEP = 64;
const HIGHEST_PROTOCOL = 5;

/** The machine's registers: a value stack, the heights at which marks lie, and the memo. */
class Machine {
  readonly stack: unknown[] = [];
  readonly marks: number[] = [];
  readonly memo = new Map<number, unknown>();
  #steps = 0;

  constructor(
    readonly input: PickleInput,
    readonly host: PickleHost,
    readonly budget: Budget,
  ) {}

  /** Counts work, so that it ends. */
  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps <= MAX_STEPS) return;
    throw new OnnxError(
      "limit",
      `Cannot read the pickle: more than ${MAX_STEPS} opcodes and elements`,
    );
  }

  /** Pushes what is new, which is charged for. */
  push(value: unknown): void {
    this.budget.spend(bytesOf(value));
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw pickleError("the stack is empty");
    return this.stack.pop();
  }

  /** Drops the top value, or the mark where no value lies above it. */
  drop(): void {
    if (this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  /** The values above the last mark, which goes with them. */
  popMark(): unknown[] {
    const height = this.marks.pop();
    if (height === undefined) throw pickleError("a mark is missing");
    return this.stack.splice(height);
  }

  popTuple(count: number): void {
    const items = Array.from({ length: count }, () => this.pop()).reverse();
    this.push(new PickleTuple(items));
  }

  get(slot: number): void {
    if (!this.memo.has(slot)) throw pickleError(`memo slot ${slot} is not set`);
    this.stack.push(this.memo.get(slot));
  }

  put(slot: number): void {
    this.budget.spend(ENTRY_BYTES);
    this.memo.set(slot, this.top());
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") {
      throw pickleError("a global's name is not a string");
    }
    this.push(this.host.global(`${module}.${name}`));
  }

  /** REDUCE and its kin: the host decides what a name with arguments stands for. */
  construct(callable: unknown, args: unknown): void {
    if (!(callable instanceof PickleGlobal)) throw pickleError("a call of what is not a global");
    if (!(args instanceof PickleTuple)) {
      throw pickleError(`arguments of ${callable.name} are not a tuple`);
    }
    for (const arg of args.items) this.charge(sizeOf(arg));
    this.push(this.host.construct(callable, args.items));
  }

  /** NEWOBJ: an object whose class is known by name only. */
  newObject(callable: unknown, args: unknown): void {
    if (!(callable instanceof PickleGlobal)) throw pickleError("an object of what is not a class");
    if (!(args instanceof PickleTuple)) {
      throw pickleError(`arguments of ${callable.name} are not a tuple`);
    }
    this.push(new PickleObject(callable.name, args.items));
  }
}

/** Steps that copying a value takes. */
function sizeOf(value: unknown): number {
  if (value instanceof PickleTuple) return value.items.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  if (value instanceof Uint8Array || typeof value === "string") {
    return Math.ceil(value.length / BYTES_PER_STEP);
  }
  return Array.isArray(value) ? value.length : 0;
}

function appendAll(machine: Machine, values: unknown[]): void {
  const target = machine.top();
  const list = target instanceof PickleObject ? target.items : target;
  if (!Array.isArray(list)) throw pickleError("an append to what is not a list");
  machine.budget.spend(ELEMENT_BYTES * values.length);
  for (const value of values) list.push(value);
}

function addAll(machine: Machine, values: unknown[]): void {
  const target = machine.top();
  if (!(target instanceof Set)) throw pickleError("an addition to what is not a set");
  machine.budget.spend(ENTRY_BYTES * values.length);
  for (const value of values) target.add(value);
}

function setAll(machine: Machine, values: unknown[]): void {
  const target = machine.top();
  const entries = target instanceof PickleObject ? target.entries : target;
  if (!(entries instanceof Map)) throw pickleError("a key set on what is not a dictionary");
  machine.budget.spend(ENTRY_BYTES * values.length / 2);
  assign(entries, values);
}

function assign(entries: Map<unknown, unknown>, values: unknown[]): Map<unknown, unknown> {
  if (values.length % 2 !== 0) throw pickleError("a key without a value");
  for (let i = 0; i < values.length; i += 2) entries.set(values[i], values[i + 1]);
  return entries;
}

/** BUILD: attributes are noted on stand-ins, and dropped on plain data (such as `_metadata`). */
function build(machine: Machine): void {
  const state = machine.pop();
  const target = machine.top();
  if (!(target instanceof PickleObject)) {
    if (typeof target === "object" && target !== null && !(target instanceof PickleGlobal)) return;
    throw pickleError("a state set on what is not an object");
  }
  const parts = state instanceof PickleTuple ? state.items : [state];
  for (const part of parts) {
    if (!(part instanceof Map)) continue;
    machine.charge(part.size);
    machine.budget.spend(ENTRY_BYTES * part.size);
    for (const [key, value] of part) target.attributes.set(key, value);
  }
  if (parts.every((part) => !(part instanceof Map))) target.attributes.set("", state);
}

function checkProtocol(version: number): void {
  if (version > HIGHEST_PROTOCOL) {
    throw pickleError(`protocol ${version}, at most ${HIGHEST_PROTOCOL} is known`);
  }
}

function refuse(what: string): () => never {
  return () => {
    throw pickleError(what);
  };
}

type Opcode = (machine: Machine) => void;

const EXTENSION = refuse("a code of the extension registry, which nothing here fills");
const BUFFER = refuse("an out-of-band buffer, which a file cannot hold");

/** What each opcode does, by its byte; STOP is handled by the loop. */
const OPCODES: ReadonlyMap<number, Opcode> = new Map<number, Opcode>([
  // Stack and memo
  [0x28, /* MARK */ (m) => m.marks.push(m.stack.length)],
  [0x30, /* POP */ (m) => m.drop()],
  [0x31, /* POP_MARK */ (m) => void m.popMark()],
  [0x32, /* DUP */ (m) => m.stack.push(m.top())],
  [0x67, /* GET */ (m) => m.get(Number(parseDecimal(m.input.line())))],
  [0x68, /* BINGET */ (m) => m.get(m.input.u8())],
  [0x6a, /* LONG_BINGET */ (m) => m.get(m.input.u32())],
  [0x70, /* PUT */ (m) => m.put(Number(parseDecimal(m.input.line())))],
  [0x71, /* BINPUT */ (m) => m.put(m.input.u8())],
  [0x72, /* LONG_BINPUT */ (m) => m.put(m.input.u32())],
  [0x94, /* MEMOIZE */ (m) => m.put(m.memo.size)],
  [0x80, /* PROTO */ (m) => checkProtocol(m.input.u8())],
  [0x95, /* FRAME */ (m) => void m.input.u64()],
  // Numbers and constants
  [0x4e, /* NONE */ (m) => m.push(null)],
  [0x88, /* NEWTRUE */ (m) => m.push(true)],
  [0x89, /* NEWFALSE */ (m) => m.push(false)],
  [0x49, /* INT */ (m) => {
    const line = m.input.line();
    m.push(line === "00" ? false : line === "01" ? true : parseDecimal(line));
  }],
  [0x4a, /* BININT */ (m) => m.push(m.input.i32())],
  [0x4b, /* BININT1 */ (m) => m.push(m.input.u8())],
  [0x4d, /* BININT2 */ (m) => m.push(m.input.u16())],
  [0x4c, /* LONG */ (m) => m.push(parseDecimal(m.input.line()))],
  [0x8a, /* LONG1 */ (m) => m.push(m.input.long(m.input.u8()))],
  [0x8b, /* LONG4 */ (m) => m.push(m.input.long(m.input.u32()))],
  [0x46, /* FLOAT */ (m) => m.push(parseFloatLine(m.input.line()))],
  [0x47, /* BINFLOAT */ (m) => m.push(m.input.f64())],
  // Strings and bytes
  [0x53, /* STRING */ (m) => m.push(unquote(m.input.line()))],
  [0x54, /* BINSTRING */ (m) => m.push(m.input.oldText(m.input.u32()))],
  [0x55, /* SHORT_BINSTRING */ (m) => m.push(m.input.oldText(m.input.u8()))],
  [0x56, /* UNICODE */ (m) => m.push(unescapeUnicode(m.input.line()))],
  [0x58, /* BINUNICODE */ (m) => m.push(m.input.text(m.input.u32()))],
  [0x8c, /* SHORT_BINUNICODE */ (m) => m.push(m.input.text(m.input.u8()))],
  [0x8d, /* BINUNICODE8 */ (m) => m.push(m.input.text(m.input.u64()))],
  [0x42, /* BINBYTES */ (m) => m.push(m.input.take(m.input.u32()).slice())],
  [0x43, /* SHORT_BINBYTES */ (m) => m.push(m.input.take(m.input.u8()).slice())],
  [0x8e, /* BINBYTES8 */ (m) => m.push(m.input.take(m.input.u64()).slice())],
  [0x96, /* BYTEARRAY8 */ (m) => m.push(m.input.take(m.input.u64()).slice())],
  // Containers
  [0x5d, /* EMPTY_LIST */ (m) => m.push([])],
  [0x6c, /* LIST */ (m) => m.push(m.popMark())],
  [0x61, /* APPEND */ (m) => appendAll(m, [m.pop()])],
  [0x65, /* APPENDS */ (m) => appendAll(m, m.popMark())],
  [0x29, /* EMPTY_TUPLE */ (m) => m.push(new PickleTuple([]))],
  [0x74, /* TUPLE */ (m) => m.push(new PickleTuple(m.popMark()))],
  [0x85, /* TUPLE1 */ (m) => m.popTuple(1)],
  [0x86, /* TUPLE2 */ (m) => m.popTuple(2)],
  [0x87, /* TUPLE3 */ (m) => m.popTuple(3)],
  [0x7d, /* EMPTY_DICT */ (m) => m.push(new Map())],
  [0x64, /* DICT */ (m) => m.push(assign(new Map(), m.popMark()))],
  [0x73, /* SETITEM */ (m) => {
    const value = m.pop();
    setAll(m, [m.pop(), value]);
  }],
  [0x75, /* SETITEMS */ (m) => setAll(m, m.popMark())],
  [0x8f, /* EMPTY_SET */ (m) => m.push(new Set())],
  [0x90, /* ADDITEMS */ (m) => addAll(m, m.popMark())],
  [0x91, /* FROZENSET */ (m) => m.push(new Set(m.popMark()))],
  // Names and what is made of them
  [0x63, /* GLOBAL */ (m) => {
    const module = m.input.line();
    m.global(module, m.input.line());
  }],
  [0x93, /* STACK_GLOBAL */ (m) => {
    const name = m.pop();
    m.global(m.pop(), name);
  }],
  [0x52, /* REDUCE */ (m) => {
    const args = m.pop();
    m.construct(m.pop(), args);
  }],
  [0x81, /* NEWOBJ */ (m) => {
    const args = m.pop();
    m.newObject(m.pop(), args);
  }],
  [0x92, /* NEWOBJ_EX */ (m) => {
    m.pop();
    const args = m.pop();
    m.newObject(m.pop(), args);
  }],
  [0x69, /* INST */ (m) => {
    const module = m.input.line();
    m.global(module, m.input.line());
    const callable = m.pop();
    m.newObject(callable, new PickleTuple(m.popMark()));
  }],
  [0x6f, /* OBJ */ (m) => {
    const [callable, ...args] = m.popMark();
    m.newObject(callable, new PickleTuple(args));
  }],
  [0x62, /* BUILD */ build],
  [0x50, /* PERSID */ (m) => m.push(m.host.persistent(m.input.line()))],
  [0x51, /* BINPERSID */ (m) => m.push(m.host.persistent(m.pop()))],
  // Refused
  [0x82, /* EXT1 */ EXTENSION],
  [0x83, /* EXT2 */ EXTENSION],
  [0x84, /* EXT4 */ EXTENSION],
  [0x97, /* NEXT_BUFFER */ BUFFER],
  [0x98, /* READONLY_BUFFER */ BUFFER],
]);

const STOP = 0x2e;

/**
 * Reads one pickle.
 *
 * @param bytes the pickle, and whatever follows it
 * @param host decides about names and persistent ids
 * @param start where the pickle begins
 * @param budget memory for what is made
 * @throws {OnnxError} `checkpoint-invalid`: the pickle is cut or damaged; `limit`: beyond the limits
 */
export function readPickle(
  bytes: Uint8Array,
  host: PickleHost,
  start = 0,
  budget: Budget = new Budget(),
): PickleResult {
  const machine = new Machine(new PickleInput(bytes, start), host, budget);
  for (;;) {
    machine.charge(1);
    const code = machine.input.u8();
    if (code === STOP) return { value: machine.pop(), end: machine.input.at };
    const opcode = OPCODES.get(code);
    if (!opcode) {
      throw pickleError(`unknown opcode 0x${code.toString(16)} at ${machine.input.at - 1}`);
    }
    opcode(machine);
  }
}
