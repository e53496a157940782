/**
 * What a Matroska file (RFC 9559) says of its key frames: where they are and when they are shown. Of
 * other frames it has no list.
 *
 * @module
 */

/** Reads bytes from a position on, fewer at the end of the file. */
export type ReadPart = (start: number, length: number) => Promise<Uint8Array>;

/** A track. */
export interface CuedTrack {
  readonly number: number;
  readonly isVideo: boolean;
  /** Nanoseconds from one frame to the next, where they are all alike; else 0. */
  readonly frameTime: number;
}

/** The tracks of a film, and its key frames. */
export interface Cues {
  /** The tracks, in the order of FFmpeg's streams. */
  readonly tracks: readonly CuedTrack[];
  /** Nanoseconds of a tick. */
  readonly tick: number;
  /** Times of the key frames of each track, in ticks, ascending. */
  readonly times: ReadonlyMap<number, readonly number[]>;
}

/** Ids of elements (RFC 9559, section 5). */
const ID = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  defaultDuration: 0x23e383,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cluster: 0x1f43b675,
} as const;

/** Types of tracks that FFmpeg makes streams of: video, audio and subtitles. */
const [VIDEO, TYPES] = [1, [1, 2, 17]];

/** Most elements before the first frames, and bytes of one that is read. */
const [MOST_ELEMENTS, MOST_BYTES] = [64, 64 << 20];

/** Bytes of the longest id and size. */
const HEAD_BYTES = 12;

/** An element: its id, and where its content lies. */
interface Element {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** The element whose head is at a place of these bytes, which begin at `base` of the file. */
function elementAt(bytes: Uint8Array, at: number, base: number): Element | undefined {
  const idLength = Math.clz32(bytes[at] ?? 0) - 23;
  if (idLength > 4) return undefined;
  const sizeAt = at + idLength;
  const sizeLength = Math.clz32(bytes[sizeAt] ?? 0) - 23;
  if (sizeLength > 8 || sizeAt + sizeLength > bytes.length) return undefined;
  const id = numberAt(bytes, at, idLength);
  // The highest bit that is set says how long the size is.
  const first = bytes[sizeAt]! ^ (0x80 >> (sizeLength - 1));
  const size = first * 256 ** (sizeLength - 1) + numberAt(bytes, sizeAt + 1, sizeLength - 1);
  const start = base + sizeAt + sizeLength;
  // All ones: the writer did not know.
  const end = size === 2 ** (7 * sizeLength) - 1 ? Infinity : start + size;
  return { id, start, end };
}

/** A big-endian number. */
function numberAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + bytes[at + i]!;
  return value;
}

/** The elements that bytes are made of, as far as they are whole. */
function* elementsIn(bytes: Uint8Array): Generator<[id: number, content: Uint8Array]> {
  for (let at = 0; at < bytes.length;) {
    const found = elementAt(bytes, at, 0);
    if (found === undefined || found.end > bytes.length) return;
    yield [found.id, bytes.subarray(found.start, found.end)];
    at = found.end;
  }
}

/** The contents of the elements with an id. */
function* within(bytes: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const [id, content] of elementsIn(bytes)) if (id === wanted) yield content;
}

/** A number among the elements that bytes are made of. */
function numberIn(bytes: Uint8Array, id: number): number | undefined {
  for (const content of within(bytes, id)) {
    if (content.length <= 8) return numberAt(content, 0, content.length);
  }
  return undefined;
}

/** Elements at the top of a file, by id. */
type Tops = ReadonlyMap<number, Element>;

/** The elements before the first frames; undefined where it is no Matroska file. */
async function topsOf(read: ReadPart): Promise<Tops | undefined> {
  const elementOf = async (at: number) => elementAt(await read(at, HEAD_BYTES), 0, at);
  const head = await elementOf(0);
  if (head?.id !== ID.ebml) return undefined;
  const segment = await elementOf(head.end);
  if (segment?.id !== ID.segment) return undefined;
  const tops = new Map<number, Element>([[segment.id, segment]]);
  let at = segment.start;
  for (let count = 0; count < MOST_ELEMENTS; count++) {
    const found = await elementOf(at);
    if (found === undefined || found.id === ID.cluster) break;
    tops.set(found.id, found);
    at = found.end;
  }
  return tops;
}

/** The content of an element; undefined where it is too long to be read. */
async function contentOf(read: ReadPart, found: Element | undefined) {
  if (found === undefined || found.end - found.start > MOST_BYTES) return undefined;
  return await read(found.start, found.end - found.start);
}

/** The list of key frames, which lies before the frames or where the list of elements says. */
async function cuesOf(read: ReadPart, tops: Tops): Promise<Uint8Array | undefined> {
  const own = tops.get(ID.cues);
  if (own) return await contentOf(read, own);
  const list = await contentOf(read, tops.get(ID.seekHead)) ?? new Uint8Array();
  for (const seek of within(list, ID.seek)) {
    if (numberIn(seek, ID.seekId) !== ID.cues) continue;
    const at = tops.get(ID.segment)!.start + (numberIn(seek, ID.seekPosition) ?? Infinity);
    if (!Number.isSafeInteger(at)) return undefined;
    const found = elementAt(await read(at, HEAD_BYTES), 0, at);
    return found?.id === ID.cues ? await contentOf(read, found) : undefined;
  }
  return undefined;
}

function tracksIn(bytes: Uint8Array): CuedTrack[] | undefined {
  const entries = [...within(bytes, ID.trackEntry)];
  const types = entries.map((entry) => numberIn(entry, ID.trackType) ?? 0);
  if (entries.length === 0 || !types.every((type) => TYPES.includes(type))) return undefined;
  return entries.map((entry, i) => ({
    number: numberIn(entry, ID.trackNumber) ?? 0,
    isVideo: types[i] === VIDEO,
    frameTime: numberIn(entry, ID.defaultDuration) ?? 0,
  }));
}

function timesIn(bytes: Uint8Array): Map<number, number[]> {
  const times = new Map<number, number[]>();
  for (const point of within(bytes, ID.cuePoint)) {
    const time = numberIn(point, ID.cueTime) ?? 0;
    for (const place of within(point, ID.cueTrackPositions)) {
      const track = numberIn(place, ID.cueTrack) ?? 0;
      const known = times.get(track);
      if (known) known.push(time);
      else times.set(track, [time]);
    }
  }
  for (const list of times.values()) list.sort((a, b) => a - b);
  return times;
}

/** The key frames of a Matroska file; undefined where it is none, or does not list them. */
export async function readCues(read: ReadPart): Promise<Cues | undefined> {
  const tops = await topsOf(read);
  const info = await contentOf(read, tops?.get(ID.info));
  const trackList = await contentOf(read, tops?.get(ID.tracks));
  const cueList = tops && await cuesOf(read, tops);
  if (!info || !trackList || !cueList) return undefined;
  const tracks = tracksIn(trackList);
  const tick = numberIn(info, ID.timestampScale) ?? 1_000_000;
  return tracks && tick > 0 ? { tracks, tick, times: timesIn(cueList) } : undefined;
}
