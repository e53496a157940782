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
import type { Backlog, ChannelSettings, Receiver, Sender } from "./types.ts";
import { ignoreAbort } from "../flow/abort.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { Inbox, InboxReceiver } from "./inbox.ts";
import type { Entry } from "./outbox.ts";
import { storeSender } from "./store_pump.ts";
import { checkFileSize, FileNames, type WindowFile } from "./file_names.ts";
import { readSettings } from "./settings.ts";

/** Messages that a receiver reads ahead of its caller. */
const READ_AHEAD = 3;
/** The pauses between two looks at the folder, in milliseconds. */
const POLL = { initial: 5, max: 200 };
/** Names of a listing between which what follows is read. */
const PIECE = 1000;
/** Milliseconds in which so many files are listed, at most: more is a process that stood still. */
const listingOf = (files: number) => 1 + files / 20;
/** Milliseconds between two times of change that a file system tells apart, at worst. */
const COARSEST_TIME = 2000;

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
  folder.names.checkReadable();
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

/** What lies in the folder; who has read what of it nobody knows. */
export async function lookAtFolder(url: URL): Promise<Backlog> {
  const folder = readUrl(url);
  const files = await folder.list();
  // It may have been accepted since.
  const first = files[0] && await Deno.stat(`${folder.path}/${files[0].name}`).catch(() => null);
  const since = first?.mtime?.getTime();
  return {
    messages: files.length,
    oldest: since === undefined ? undefined : Math.max(0, Date.now() - since),
    ...{ waiting: undefined, inFlight: undefined, consumers: undefined },
  };
}

/** When a folder was listed, how long that took, and when it had changed. */
interface Listed {
  readonly at: number;
  readonly took: number;
  readonly changed: number | undefined;
  /** Whether a later change leaves a later time. */
  readonly isSettled: boolean;
}

/** Names of the files that a receiver has read, while they are there. */
class Known {
  /** The number of the last listing that saw each, or during which it was read. */
  readonly #names = new Map<string, number>();
  #listing = 0;

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    this.#names.set(name, this.#listing);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  beginListing(): void {
    this.#listing++;
  }

  /** Whether a name that is listed is known. */
  sees(name: string): boolean {
    const isKnown = this.has(name);
    if (isKnown) this.add(name);
    return isKnown;
  }

  /** Forgets what the listing did not see. */
  endListing(): void {
    for (const [name, listing] of this.#names) {
      if (listing < this.#listing) this.#names.delete(name);
    }
  }
}

/** The folder and how its files are named. */
class Folder {
  readonly path: string;
  readonly limit: number;
  readonly names: FileNames;
  #listed: Listed = { at: -Infinity, took: 0, changed: undefined, isSettled: false };

  constructor(path: string, limit: number, names: FileNames) {
    this.path = path;
    this.limit = limit;
    this.names = names;
  }

  /** The files of windows, in numeric order. */
  async list(): Promise<WindowFile[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(this.path)) names.push(name);
    return this.names.sorted(names);
  }

  /** The file of a number, where the sender called it as senders of ours do. */
  async find(number: number): Promise<WindowFile | undefined> {
    if (number < 0 || !Number.isSafeInteger(number)) return undefined;
    for (const end of [false, true]) {
      const name = this.names.nameOf(number, end);
      const found = await Deno.stat(`${this.path}/${name}`).catch(() => undefined);
      if (found) return { name, number, end };
    }
    return undefined;
  }

  /**
   * The files that are not known, where the folder may have changed since it was listed last, and
   * that is not just now: listing takes a twentieth of the time at most.
   *
   * @param meanwhile called again and again while many files are listed
   */
  async listIfChanged(
    known: Known,
    meanwhile: () => Promise<void>,
  ): Promise<WindowFile[] | undefined> {
    const { at, took, changed, isSettled } = this.#listed;
    const started = performance.now();
    if (started - at < 20 * took) return undefined;
    const mtime = (await Deno.stat(this.path)).mtime?.getTime();
    if (isSettled && mtime === changed) return undefined;
    // Another file may still come with the same time, on a file system with coarse ones.
    const settles = mtime !== undefined && Date.now() - mtime > COARSEST_TIME;
    const { count, files } = await this.#listUnknown(known, meanwhile);
    const ended = performance.now();
    const listing = Math.min(ended - started, listingOf(count));
    this.#listed = { at: ended, took: listing, changed: mtime, isSettled: settles };
    return files;
  }

  async #listUnknown(known: Known, meanwhile: () => Promise<void>) {
    const names: string[] = [];
    let count = 0;
    known.beginListing();
    for await (const { name } of Deno.readDir(this.path)) {
      if (!known.sees(name)) names.push(name);
      if (++count % PIECE === 0) await meanwhile();
    }
    known.endListing();
    return { count, files: this.names.sorted(names) };
  }

  /** Writes a message's file so that it is there complete or not at all. */
  async write(number: number, entry: Entry): Promise<void> {
    const { name, content } = this.names.fileOf(number, entry);
    const part = `${this.path}/.${name}.part`;
    await writeSynced(part, content);
    await Deno.rename(part, `${this.path}/${name}`);
    await syncFolder(this.path);
  }
}

function readUrl(url: URL): Folder {
  return readSettings(url, (read) => {
    const names = new FileNames(read, 3);
    return new Folder(pathOf(url), read.count("limit", 0), names);
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
 * one that comes late, or under a name that was used before, is read too. What follows the last one
 * is asked for by its name, also while the folder is listed, which takes longer the more files
 * there are.
 */
async function feed(
  folder: Folder,
  inbox: Inbox,
  { maxPayload, clock }: ChannelSettings,
  signal: AbortSignal,
): Promise<void> {
  const known = new Known();
  let next = -1;
  const backoff = new Backoff(POLL);
  const take = async (file: WindowFile) => {
    if (known.has(file.name)) return false;
    signal.throwIfAborted();
    await inbox.room(READ_AHEAD, signal);
    known.add(file.name);
    next = Math.max(next, file.number + 1);
    await readOne(folder, file, inbox, maxPayload, () => known.delete(file.name));
    backoff.reset();
    return true;
  };
  const follow = async () => {
    for (let file = await folder.find(next); file && await take(file);) {
      file = await folder.find(next);
    }
  };
  const look = async () => {
    await follow();
    for (const file of await folder.listIfChanged(known, follow) ?? []) {
      // A listing may show a file and not one before it that came while it was made.
      if (file.number > next) await follow();
      await take(file);
    }
  };
  for await (const _ of attempts({ backoff, signal, clock })) {
    await look().catch(ignoreAbort(signal));
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
    checkFileSize(name, size, maxPayload);
    const message = folder.names.format.read!(await Deno.readFile(path), { sequence: number, end });
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
