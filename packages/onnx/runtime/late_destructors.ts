/**
 * Keeps a library from registering more destructors for the end of the process: those of what it makes
 * when it is first used, which a process would run while threads of a worker that was terminated are
 * still in it. The library's own table of functions (System V ABI, ELF with 64 bits) gets another
 * function in the place of `__cxa_atexit`.
 *
 * @module
 */

/** The first seven bytes of a file for this machine: ELF, 64 bits, little-endian, version 1. */
const MAGIC = 0x010102464c457fn;
/** Types of program headers: what is mapped, the dynamic section, what is read only once relocated. */
const [PT_LOAD, PT_DYNAMIC, PT_GNU_RELRO] = [1, 2, 0x6474e552];
/** Tags of the dynamic section. */
const [DT_PLTRELSZ, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_JMPREL] = [2, 5, 6, 7, 8, 23];
/** Bytes of a program header, of a relocation, and of a symbol. */
const [HEADER, RELOCATION, SYMBOL] = [56, 24, 24];
/** `PROT_READ`, that with `PROT_WRITE`, and the number that `sysconf` knows the size of pages by. */
const [READ, READ_WRITE, PAGE_SIZE] = [1, 3, 30];

/** What is done instead: it takes nothing, changes nothing, and gives 0, as what registers does. */
const IN_VAIN = "sched_yield";

const REGISTERS = "__cxa_atexit";

/** The memory of a library. */
class Loaded {
  readonly base: bigint;
  readonly #view: Deno.UnsafePointerView;

  constructor(base: Deno.PointerObject) {
    this.base = Deno.UnsafePointer.value(base);
    this.#view = new Deno.UnsafePointerView(base);
  }

  long(at: bigint): bigint {
    return this.#view.getBigUint64(Number(at - this.base));
  }

  text(at: bigint): string {
    return this.#view.getCString(Number(at - this.base));
  }

  /** Where the parts of a type lie, and their lengths; none where this is not what we can read. */
  parts(type: number): [start: bigint, length: bigint][] {
    if ((this.long(this.base) & 0xffffffffffffffn) !== MAGIC) return [];
    const headers = this.base + this.long(this.base + 32n);
    const count = Number(this.long(this.base + 56n) & 0xffffn);
    const parts: [bigint, bigint][] = [];
    for (let i = 0; i < count; i++) {
      const header = headers + BigInt(i * HEADER);
      if (Number(this.long(header) & 0xffffffffn) !== type) continue;
      parts.push([this.base + this.long(header + 16n), this.long(header + 40n)]);
    }
    return parts;
  }

  /** The dynamic section: values by their tags, addresses as they are in memory. */
  dynamic(): Map<number, bigint> {
    const tags = new Map<number, bigint>();
    const [section] = this.parts(PT_DYNAMIC);
    // A library that does not begin at address 0 would lie elsewhere than is counted here.
    if (section === undefined || this.parts(PT_LOAD)[0]?.[0] !== this.base) return tags;
    for (let [at] = section; this.long(at) !== 0n; at += 16n) {
      tags.set(Number(this.long(at)), this.long(at + 8n));
    }
    return tags;
  }

  /** Addresses of the places that hold a function's address. */
  placesOf(name: string): bigint[] {
    const tags = this.dynamic();
    const address = (tag: number) => {
      const value = tags.get(tag) ?? 0n;
      return value < this.base ? value + this.base : value;
    };
    const places: bigint[] = [];
    const tables = [[DT_RELA, DT_RELASZ], [DT_JMPREL, DT_PLTRELSZ]] as const;
    for (const [table, size] of tables) {
      for (let i = 0n; i < (tags.get(size!) ?? 0n); i += BigInt(RELOCATION)) {
        const relocation = address(table!) + i;
        const symbol = this.long(relocation + 8n) >> 32n;
        if (symbol === 0n) continue;
        const entry = address(DT_SYMTAB!) + symbol * BigInt(SYMBOL);
        const found = this.text(address(DT_STRTAB!) + (this.long(entry) & 0xffffffffn));
        if (found === name) places.push(this.base + this.long(relocation));
      }
    }
    return places;
  }
}

/** Functions of the system's library. */
interface System {
  readonly mprotect: (start: Deno.PointerValue, length: bigint, how: number) => number;
  /** Bytes of a page. */
  readonly page: bigint;
}

/** Writes an address to a place in a library, which may be read only, and is so again afterwards. */
function put(loaded: Loaded, place: bigint, value: bigint, { mprotect, page }: System): void {
  const start = place - place % page;
  const at = Deno.UnsafePointer.create(start);
  if (mprotect(at, page, READ_WRITE) !== 0) return;
  const pointer = Deno.UnsafePointer.create(place)!;
  new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 8))[0] = value;
  // A page of which a part is written to later is not read only.
  const isReadOnly = loaded.parts(PT_GNU_RELRO)
    .some(([from, length]) => start >= from - from % page && start + page <= from + length);
  if (isReadOnly) mprotect(at, page, READ);
}

/** Where a library lies; undefined where `dladdr` does not know it. */
function loadedAt(inside: Deno.PointerObject): Loaded | undefined {
  const libc = Deno.dlopen("libc.so.6", {
    dladdr: { parameters: ["pointer", "buffer"], result: "i32" },
  });
  const info = new BigUint64Array(new ArrayBuffer(32));
  const isKnown = libc.symbols.dladdr(inside, info) !== 0;
  libc.close();
  const base = isKnown ? Deno.UnsafePointer.create(info[1]!) : null;
  return base === null ? undefined : new Loaded(base);
}

/**
 * The addresses that a library calls to register destructors.
 *
 * @param inside any address in the library
 */
export function registrars(inside: Deno.PointerObject): bigint[] {
  const loaded = loadedAt(inside);
  return loaded?.placesOf(REGISTERS).map((place) => loaded.long(place)) ?? [];
}

/**
 * Keeps a library from registering more destructors. Where that cannot be done, or has not been tried
 * (but on Linux on x64), nothing is changed.
 *
 * @param inside any address in the library
 */
export function forbidLateDestructors(inside: Deno.PointerObject): void {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") return;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
      sysconf: { parameters: ["i32"], result: "i64" },
      [IN_VAIN]: { type: "pointer" },
    });
    const { mprotect, sysconf, [IN_VAIN]: inVain } = libc.symbols;
    const system = { mprotect, page: sysconf(PAGE_SIZE) };
    const loaded = loadedAt(inside);
    for (const place of loaded?.placesOf(REGISTERS) ?? []) {
      put(loaded!, place, Deno.UnsafePointer.value(inVain), system);
    }
    libc.close();
  } catch {
    // Not glibc, or another kind of file: the destructors run.
  }
}
