/**
 * The `file:` channel: one file a message in a folder, `window_000.safetensors` and so on.
 *
 * A file is written under another name, synced to the disk and then renamed, so that a reader
 * sees complete files only, and the message is acknowledged when its name is on the disk too. By
 * itself the folder is an archive: everything stays. With `?limit=4` it is a spool: the sender waits
 * while four files are there, and the receiver deletes what was accepted.
 *
 * Readers poll, because file watching does not work on network mounts.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { writeAll } from "../io/write_all.ts";
import type { ChannelSettings, Receiver, Sender } from "./types.ts";
import { TransportError } from "../errors.ts";
import { ignoreAbort } from "../flow/abort.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";
import { decodeMessage, type Message } from "../message.ts";
import type { Entry } from "./outbox.ts";
import { storeSender } from "./store_pump.ts";
import { FILE_FORMATS, type FileFormat } from "./file_formats.ts";
import { readSettings } from "./settings.ts";

/** Messages that a receiver reads ahead of its caller. */
const READ_AHEAD = 3;
/** The pauses between two looks at the folder, in milliseconds. */
const POLL = { initial: 5, max: 200 };
/** Room for the header of the largest format above the payload. */
const HEADER_ROOM = 1 << 20;

/** Opens the writing end. */
export async function openFileSender(url: URL, settings: ChannelSettings): Promise<Sender> {
  const folder = readUrl(url);
  await Deno.mkdir(folder.path, { recursive: true });
  let next = ((await folder.list()).at(-1)?.number ?? -1) + 1;
  const keep = async (entry: Entry) => {
    if (folder.limit > 0 && (await folder.list()).length >= folder.limit) return false;
    next = Math.max(next, entry.message.sequence);
    await folder.write(next, entry);
    next++;
    return true;
  };
  const store = { store: keep, [Symbol.asyncDispose]: () => Promise.resolve() };
  return storeSender(url, settings, () => Promise.resolve(store));
}

/** Opens the reading end. */
export async function openFileReceiver(url: URL, settings: ChannelSettings): Promise<Receiver> {
  const folder = readUrl(url);
  if (!folder.format.read) {
    throw new RangeError(`Cannot read ${folder.format.extension} files: they are written only`);
  }
  await Deno.mkdir(folder.path, { recursive: true });
  const inbox = new Inbox(settings.maxPayload);
  const abort = new AbortController();
  const running = feed(folder, inbox, settings, abort.signal).catch((error) => inbox.fail(error));
  const stop = async () => {
    abort.abort();
    await running;
  };
  return new InboxReceiver({ url: url.href, inbox, stop }, settings);
}

/** A file of a window. */
interface WindowFile {
  readonly name: string;
  readonly number: number;
  readonly end: boolean;
}

/** The folder and how its files are named. */
class Folder {
  readonly path: string;
  readonly limit: number;
  readonly format: FileFormat;
  readonly #prefix: string;

  constructor(path: string, prefix: string, limit: number, format: FileFormat) {
    this.path = path;
    this.limit = limit;
    this.format = format;
    this.#prefix = prefix;
  }

  /** The files of windows, in numeric order. */
  async list(): Promise<WindowFile[]> {
    const files: WindowFile[] = [];
    for await (const { name } of Deno.readDir(this.path)) {
      const file = this.#parse(name);
      if (file) files.push(file);
    }
    return files.sort((a, b) => a.number - b.number);
  }

  /** Writes a message's file so that it is there complete or not at all. */
  async write(number: number, { bytes }: Entry): Promise<void> {
    // The copy that was made when it was sent: the caller may have changed the payload since.
    const message = decodeMessage(bytes, Infinity);
    const end = message.end ? ".end" : "";
    const digits = String(number).padStart(3, "0");
    const name = `${this.#prefix}_${digits}${end}.${this.format.extension}`;
    const part = `${this.path}/.${name}.part`;
    await writeSynced(part, this.#encode(message));
    await Deno.rename(part, `${this.path}/${name}`);
    await syncFolder(this.path);
  }

  /** Trying again does not cure what a format cannot hold. */
  #encode(message: Message): Uint8Array {
    try {
      return this.format.write(message);
    } catch (cause) {
      if (cause instanceof TransportError) throw cause;
      throw new TransportError(
        "unsupported",
        `Cannot write message ${message.sequence} as ${this.format.extension}: ${cause}`,
        { cause },
      );
    }
  }

  #parse(name: string): WindowFile | undefined {
    const extension = `.${this.format.extension}`;
    if (!name.startsWith(`${this.#prefix}_`) || !name.endsWith(extension)) return undefined;
    const middle = name.slice(this.#prefix.length + 1, -extension.length);
    const [, digits, end] = /^(\d{3,16})(\.end)?$/.exec(middle) ?? [];
    const number = Number(digits);
    return Number.isSafeInteger(number) ? { name, number, end: end !== undefined } : undefined;
  }
}

function readUrl(url: URL): Folder {
  const words = Object.keys(FILE_FORMATS);
  return readSettings(url, (read) => {
    const format = FILE_FORMATS[read.choice("format", "safetensors", words)]!;
    const [prefix, limit] = [read.text("prefix", "window"), read.count("limit", 0)];
    return new Folder(pathOf(url), prefix, limit, format);
  });
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new RangeError(
      `Cannot use the folder of ${url}: found ${cause}, expected no host and each % as %25`,
      { cause },
    );
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  await writeAll(file, bytes);
  await file.sync();
}

/** Brings a rename to the disk; Windows does so by itself and cannot open folders. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}

/**
 * Reads files as they come, in order, until stopped. A file is known by its name while it is there:
 * one that comes late, or under a name that was used before, is read too.
 */
async function feed(
  folder: Folder,
  inbox: Inbox,
  { maxPayload, clock }: ChannelSettings,
  signal: AbortSignal,
): Promise<void> {
  let handled = new Set<string>();
  const backoff = new Backoff(POLL);
  for await (const _ of attempts({ backoff, signal, clock })) {
    const files = await folder.list();
    handled = handled.intersection(new Set(files.map(({ name }) => name)));
    for (const file of files) {
      if (handled.has(file.name)) continue;
      await inbox.room(READ_AHEAD, signal).catch(ignoreAbort(signal));
      if (signal.aborted) return;
      handled.add(file.name);
      await readOne(folder, file, inbox, maxPayload, () => void handled.delete(file.name));
      backoff.reset();
    }
  }
}

async function readOne(
  folder: Folder,
  { name, number, end }: WindowFile,
  inbox: Inbox,
  maxPayload: number,
  gone: () => void,
): Promise<void> {
  const path = `${folder.path}/${name}`;
  const done = async () => {
    if (folder.limit === 0) return;
    await Deno.remove(path);
    gone();
  };
  try {
    const { size } = await Deno.stat(path);
    if (size > maxPayload + HEADER_ROOM) throw new RangeError(`${name} has ${size} bytes`);
    const message = folder.format.read!(await Deno.readFile(path), { sequence: number, end });
    if (message.payload.length > maxPayload) throw new RangeError(`${name} is too long`);
    inbox.deliver(message, done);
  } catch (error) {
    // It was listed before it was removed.
    if (error instanceof Deno.errors.NotFound) return gone();
    inbox.countCorrupt();
    // Out of the spool, kept for whoever wants to know.
    if (folder.limit > 0) await Deno.rename(path, `${path}.damaged`).then(gone, () => {});
  }
}
