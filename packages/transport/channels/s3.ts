/**
 * The `s3:` channel: one object a message in a bucket, named as files of the `file:` channel are,
 * with 16 digits so that keys sort as their numbers do.
 *
 * A message is acknowledged when the service has answered that it has the object. An object is
 * stored only where none has its name, so that two senders do not overwrite each other; a sender
 * whose answer was lost recognises its own by a text that is kept with it. By itself the place is an
 * archive: everything stays. With `?limit=4` it is a spool.
 *
 * A look at an archive lists what lies behind the last 1,000 numbers that were read: what it costs
 * does not grow with the archive.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { attempts, Backoff } from "../flow/retry.ts";
import { newStreamId } from "../message.ts";
import { S3Bucket, type S3Object } from "../s3/bucket.ts";
import { ANSWER, type BrokerChannel, brokerChannel } from "./broker_feed.ts";
import { checkFileSize, FileNames } from "./file_names.ts";
import type { Inbox } from "./inbox.ts";
import type { Entry } from "./outbox.ts";
import type { UrlSettings } from "./settings.ts";
import type { Store } from "./store_pump.ts";
import type { Backlog, ChannelSettings } from "./types.ts";

/** Messages that a receiver reads ahead of its caller. */
const READ_AHEAD = 3;
/** The pauses between two looks, in milliseconds: each is a request that is paid for. */
const POLL = { initial: 20, max: 1000 };
/** How far behind the last one an object may come late to an archive. */
const LATE = 1000;
/** Milliseconds in which all that is there has to be counted. */
const LOOK = 60_000;
/** What is kept with an object: which sender stored it, and as its how-many-eth. */
const WRITER = "vcs-writer";

/** Both ends. */
export const s3: BrokerChannel = brokerChannel({ place, openStore, consume, look });

type Place = ReturnType<typeof place>;

function place(url: URL, read: UrlSettings, { maxPayload }: ChannelSettings) {
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, "");
  const [endpoint, region] = [read.text("endpoint", ""), read.text("region", "")];
  if (url.hostname === "") throw new RangeError(`Cannot open ${url}: it names no bucket`);
  return {
    bucket: new S3Bucket(url.hostname, {
      ...(endpoint && { endpoint }),
      ...(region && { region }),
      idleTimeoutSeconds: ANSWER / 1000,
      // The channel itself tries again.
      tries: 1,
    }),
    maxPayload,
    names: new FileNames(read, 16),
    limit: read.count("limit", 0),
    folder: folder && `${folder}/`,
    writer: newStreamId(),
    /** Number of the next object to be stored; unknown until the place was listed. */
    toStore: undefined as number | undefined,
    /** What this receiver has read, by name, and the number behind the last. */
    handled: new Set<string>(),
    toRead: 0,
  };
}

async function openStore(place: Place): Promise<Store> {
  const ended = new AbortController();
  const { signal } = ended;
  if (place.toStore === undefined) {
    const last = (await listed(place, { signal })).at(-1);
    place.toStore = (last?.number ?? -1) + 1;
  } else await place.bucket.list(place.folder, { page: 1, signal }).next();
  return {
    store: (entry) => storeNext(place, entry, signal),
    [Symbol.asyncDispose]() {
      ended.abort();
      return Promise.resolve();
    },
  };
}

async function storeNext(place: Place, entry: Entry, signal: AbortSignal): Promise<boolean> {
  const { bucket, folder, names, limit } = place;
  if (limit > 0 && (await listed(place, { signal })).length >= limit) return false;
  const writer = `${place.writer}-${entry.number}`;
  for (let number = Math.max(place.toStore ?? 0, entry.message.sequence);; number++) {
    const { name, content } = names.fileOf(number, entry);
    const key = folder + name;
    const options = { onlyIfNew: true, metadata: { [WRITER]: writer }, signal };
    const isStored = await bucket.put(key, content, options);
    if (!isStored && (await bucket.metadata(key, { signal }))?.get(WRITER) !== writer) continue;
    place.toStore = number + 1;
    return true;
  }
}

/** The objects of messages, in numeric order. */
async function listed(
  { bucket, folder, names }: Place,
  options: { after?: string; signal: AbortSignal },
) {
  const sizes = new Map<string, number>();
  for await (const page of bucket.list(folder, options)) {
    for (const { key, bytes } of page) sizes.set(key.slice(folder.length), bytes);
  }
  return names.sorted(sizes.keys()).map((file) => ({ ...file, bytes: sizes.get(file.name)! }));
}

/** What lies there; who has read what of it nobody knows. */
async function look(place: Place): Promise<Backlog> {
  const { bucket, folder, names } = place;
  const found: S3Object[] = [];
  for await (const page of bucket.list(folder, { signal: AbortSignal.timeout(LOOK) })) {
    found.push(...page.filter(({ key }) => names.parse(key.slice(folder.length))));
  }
  const since = found[0]?.modified;
  return {
    messages: found.length,
    oldest: since === undefined ? undefined : Math.max(0, Date.now() - since),
    ...{ waiting: undefined, inFlight: undefined, consumers: undefined },
  };
}

/** Reads objects as they come, in order, until a request fails or the signal is aborted. */
async function consume(
  place: Place,
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
): Promise<void> {
  place.names.checkReadable();
  const backoff = new Backoff(POLL);
  for await (const attempt of attempts({ backoff, signal })) {
    const isArchive = place.limit === 0 && place.toRead > LATE;
    const after = isArchive && place.folder + place.names.upTo(place.toRead - LATE);
    const files = await listed(place, { signal, ...(after && { after }) });
    if (attempt === 1) connected();
    place.handled = place.handled.intersection(new Set(files.map(({ name }) => name)));
    for (const file of files) {
      if (place.handled.has(file.name)) continue;
      await inbox.room(READ_AHEAD, signal);
      place.handled.add(file.name);
      await readOne(place, inbox, { ...file, key: place.folder + file.name }, signal);
      place.toRead = Math.max(place.toRead, file.number + 1);
      backoff.reset();
    }
  }
}

type File = Awaited<ReturnType<typeof listed>>[number] & S3Object;

async function readOne(
  place: Place,
  inbox: Inbox,
  { key, name, number, end, bytes }: File,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, limit, maxPayload } = place;
  // A sender that does not know that it was there stores it again.
  const gone = () => void place.handled.delete(name);
  const accept = async () => {
    // Where this fails the message comes again, and is known by its sequence.
    if (limit > 0) await bucket.remove(key).then(gone, gone);
  };
  try {
    checkFileSize(name, bytes, maxPayload);
    const content = await bucket.get(key, { signal });
    // It was listed before it was removed.
    if (!content) return gone();
    const message = place.names.format.read!(content, { sequence: number, end });
    if (message.payload.length > maxPayload) throw new RangeError(`${name} is too long`);
    inbox.deliver(message, accept);
  } catch (error) {
    if (!isDamage(error)) {
      gone();
      throw error;
    }
    inbox.countCorrupt();
    if (limit === 0) return;
    // Out of the spool, kept for whoever wants to know.
    await bucket.copy(key, `${key}.damaged`, { signal });
    await bucket.remove(key, { signal }).then(gone);
  }
}

/** Whether the object itself is to blame, and not the service or the connection. */
function isDamage(error: unknown): boolean {
  if (error instanceof TransportError) return error.code !== "refused";
  return error instanceof RangeError;
}
