/**
 * Where the items of a batch come from: files, folders and those below them, URLs, and lists.
 *
 * @module
 */
import { basename, join, matchesGlob, relative } from "node:path";
import { UsageError } from "../command/usage_error.ts";
import { type BatchItem, isStored, keyFault } from "./record.ts";

/** How inputs are read. */
export interface ItemOptions {
  /** Patterns of the files that are taken of folders: with a slash of the whole path in it. */
  readonly include: readonly string[];
  /** Paths of lists; `-` is standard input. Default: none. */
  readonly lists?: readonly string[];
  /** Lines of standard input. Default: those of this process. */
  readonly stdin?: ReadableStream<Uint8Array>;
}

/** Characters of a key that cannot be one, in an error. */
const LONGEST = 60;

/** Whether a text is a URL with a host. */
const REMOTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * The items of inputs, one after the other: those of operands, then those of lists. Folders are read
 * in the order of names, and nothing is held but the names of one folder and those above it.
 *
 * @throws {UsageError} where an input is not there, or a line of a list cannot be read.
 */
export async function* listItems(
  inputs: readonly string[],
  options: ItemOptions,
): AsyncGenerator<BatchItem> {
  for (const input of inputs) {
    if (input === "-") yield* listed("-", options);
    else yield* itemsOf(input, options);
  }
  for (const list of options.lists ?? []) yield* listed(list, options);
}

/** The items of one input. */
async function* itemsOf(input: string, options: ItemOptions): AsyncGenerator<BatchItem> {
  if (isStored(input)) {
    const { storedItems } = await import("./output/stores.ts");
    for await (const item of storedItems(input)) {
      if (isIncluded(item.key, options.include)) yield item;
    }
  } else if (REMOTE.test(input)) {
    yield { key: keyOfUrl(input), source: input };
  } else {
    yield* itemsAt(input, options);
  }
}

/** The file at a path, or all files in the folder there. */
async function* itemsAt(path: string, { include }: ItemOptions): AsyncGenerator<BatchItem> {
  const info = await Deno.stat(path).catch((error) => {
    throw new UsageError(`Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (!info.isDirectory) return yield { key: basename(path), source: path };
  for await (const file of filesIn(path)) {
    const key = relative(path, file).replaceAll("\\", "/");
    if (isIncluded(key, include)) yield { key, source: file };
  }
}

/** Files in a folder and those below it, in the order of names; links to folders are not followed. */
async function* filesIn(folder: string): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory, isFile, isSymlink } of entries) {
    const path = join(folder, name);
    if (isDirectory) yield* filesIn(path);
    else if (isFile || isSymlink && (await Deno.stat(path)).isFile) yield path;
  }
}

/** Whether a path matches one of the patterns, which are of names where they have no slash. */
export function isIncluded(path: string, patterns: readonly string[]): boolean {
  const name = basename(path);
  return patterns.some((pattern) => {
    const text = pattern.includes("/") ? path : name;
    return matchesGlob(text, pattern) || matchesGlob(text.toLowerCase(), pattern);
  });
}

/** The key of a URL: host and path, without what may be secret. */
function keyOfUrl(url: string, place = "the inputs"): string {
  const parsed = URL.parse(url);
  if (parsed === null) {
    // Not shown: a password may be in it.
    throw new UsageError(`Cannot read ${place}: found a URL without a host, expected one with it`);
  }
  const { host, pathname } = parsed;
  const path = pathname.split("/").filter((segment) => segment !== "").map(decoded);
  return [host.replace(":", "_"), ...path].join("/");
}

function decoded(segment: string): string {
  try {
    const text = decodeURIComponent(segment);
    return keyFault(text) === undefined && !text.includes("/") ? text : segment;
  } catch {
    return segment;
  }
}

/** The key of a path in a list: what leads out of the folder, or to its root, is left out. */
function keyOfPath(path: string): string {
  const segments = path.replaceAll("\\", "/").split("/");
  return segments.filter((segment) => !["", ".", ".."].includes(segment)).join("/");
}

/** The items of a list: a path, a URL or JSON on each line. */
async function* listed(list: string, options: ItemOptions): AsyncGenerator<BatchItem> {
  const stream = list === "-" ? options.stdin ?? Deno.stdin.readable : (await Deno.open(list)
    .catch((error) => {
      throw new UsageError(`Cannot read --list: ${error.message}`, { cause: error });
    })).readable;
  let number = 0;
  for await (const line of lines(stream)) {
    number++;
    if (line.trim() === "") continue;
    yield itemOfLine(line, `line ${number} of ${list === "-" ? "standard input" : list}`);
  }
}

/** Lines of a text that comes in pieces, without their ends. */
export async function* lines(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield part.replace(/\r$/, "");
  }
  if (rest !== "") yield rest;
}

/** What a line of a list says. */
function itemOfLine(line: string, place: string): BatchItem {
  const item = line.startsWith("{") ? itemOfJson(line, place) : {
    key: REMOTE.test(line) ? keyOfUrl(line, place) : keyOfPath(line),
    source: line,
  };
  const fault = keyFault(item.key);
  if (fault === undefined) return item;
  // Where media came in place of a list, a line is long.
  const { key } = item;
  const shown = JSON.stringify(key.slice(0, LONGEST)) + (key.length > LONGEST ? "…" : "");
  throw new UsageError(`Cannot read ${place}: the key ${shown}: ${fault}`);
}

/** An item as an object: key, source, from and to. */
function itemOfJson(line: string, place: string): BatchItem {
  const wrong = (what: string) =>
    new UsageError(
      `Cannot read ${place}: ${what}, expected a path, a URL or {"key", "source", "from", "to"}`,
    );
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong("found no JSON");
  }
  const { source, from, to } = value;
  if (typeof source !== "string" || source === "") throw wrong("found no source");
  const { key = REMOTE.test(source) ? keyOfUrl(source, place) : keyOfPath(source) } = value;
  if (typeof key !== "string") throw wrong("the key is not a text");
  return { key, source, ...seconds({ from, to }, wrong) };
}

/** Seconds that an item begins and ends at, where it says so. */
function seconds(
  { from, to }: { readonly from: unknown; readonly to: unknown },
  wrong: (what: string) => UsageError,
): Pick<BatchItem, "from" | "to"> {
  for (const value of [from, to]) {
    if (value === undefined || typeof value === "number" && value >= 0) continue;
    throw wrong(`found ${JSON.stringify(value)} seconds`);
  }
  return {
    ...(typeof from === "number" && { from }),
    ...(typeof to === "number" && { to }),
  };
}
