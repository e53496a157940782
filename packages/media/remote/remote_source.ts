/**
 * Sources on servers and in buckets of which no more is read than is needed.
 *
 * @module
 */
import { defined, openRemote } from "@vcs/transport/internal";
import type { Clock } from "@vcs/transport/portable";
import { readCues } from "./matroska_cues.ts";
import { listingBoxes } from "./mp4_boxes.ts";
import { RangeMirror, remoteFailure } from "./range_mirror.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes asked of a store at a time. */
const OBJECT_BYTES = 4 << 20;

/** What was read of a file on a server or in a bucket. */
export interface ReceivedBytes {
  /** Bytes that came over the network. */
  readonly bytes: number;
  /** Bytes of the file. */
  readonly of: number;
  /** Requests for parts of it. */
  readonly requests: number;
  /** Why all of it was fetched; undefined where only what was needed was. */
  readonly whole?: string;
  /**
   * Frames a second at which frames were counted between key frames; undefined where the file lists
   * all frames, or all of it was read.
   */
  readonly countedAt?: number;
}

/** How a file elsewhere is opened. */
export interface RemoteOptions {
  /**
   * Whether no more of it is read than is needed, where it lists its frames, or `"rate"`: where it lists
   * its key frames, too. Default: false.
   */
  readonly ranges?: boolean | "rate";
  /** Why all of it is read then. Default: it was asked for. */
  readonly whole?: string | undefined;
  /** Ends opening. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** A file elsewhere, as far as it was read. */
export interface MirroredFile extends AsyncDisposable {
  /** The file here. */
  readonly path: string;
  /** Its address. */
  readonly name: string;
  /** Text that changes when the content does. */
  readonly identity: string;
  /** What fills the file here. */
  readonly mirror: RangeMirror;
  /** What came so far. */
  readonly received: () => ReceivedBytes;
}

/** Why all of a file is read where nothing else is said. */
export const ASKED_FOR = "all of it was asked for";

const NO_LIST = "no MP4 file that lists its frames in one place";

/** Fetches what lists the frames, or all of the file. */
async function fetchList(mirror: RangeMirror, byRate: boolean, signal?: AbortSignal) {
  const read = (start: number, length: number) => mirror.read(start, length, signal);
  const boxes = await listingBoxes(read, mirror.size);
  for (const { start, end } of boxes ?? []) await mirror.fetch(start, end, signal);
  if (boxes) return;
  mirror.cues = byRate ? await readCues(read) : undefined;
  if (mirror.cues === undefined) await mirror.complete(NO_LIST, signal);
}

/** A file elsewhere, with what lists its frames here, or all of it; undefined where no ranges are sent. */
export async function openMirror(
  url: string,
  { ranges = false, whole = ASKED_FOR, signal, clock }: RemoteOptions,
): Promise<MirroredFile | undefined> {
  const remote = await openRemote(url, defined({ signal, clock })).catch((error) => {
    throw remoteFailure(error, signal);
  });
  if (remote === undefined) return undefined;
  const mirror = await RangeMirror.open(remote);
  try {
    if (ranges) await fetchList(mirror, ranges === "rate", signal);
    else await mirror.complete(whole, signal);
  } catch (error) {
    await mirror[Symbol.asyncDispose]();
    throw error;
  }
  return {
    ...{ path: mirror.path, name: url, mirror },
    identity: `${url}\n${remote.size}\n${remote.tag}`,
    received: () => ({
      ...{ bytes: remote.received, of: remote.size, requests: remote.requests },
      ...defined({ whole: mirror.whole }),
    }),
    [Symbol.asyncDispose]: () => mirror[Symbol.asyncDispose](),
  };
}

/** The bytes of an object, one range after the other. */
export async function* storedBytes(
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes> {
  try {
    const remote = (await openRemote(url, defined({ signal })))!;
    for (let at = 0; at < remote.size; at += OBJECT_BYTES) {
      yield await remote.read(at, Math.min(remote.size, at + OBJECT_BYTES), signal);
    }
  } catch (error) {
    throw remoteFailure(error, signal);
  }
}
