/**
 * What lies at the top of an MP4 file.
 *
 * @module
 */

/** A box: its name and where it lies. */
export interface Box {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Boxes that may be there where one `moov` lists all frames; others are in fragments. */
const KNOWN: ReadonlySet<string> = new Set(
  "ftyp moov mdat free skip wide uuid udta meta".split(" "),
);

/** Boxes of which nothing but the head is needed to list frames. */
const LEFT: ReadonlySet<string> = new Set("mdat free skip wide".split(" "));

/** Most boxes of a file, and bytes of those that list frames. */
const [MOST_BOXES, MOST_BYTES] = [64, 64 << 20];

/**
 * The boxes that list the frames of an MP4 file; undefined where it is none, or they do not lie in one place.
 *
 * @param read bytes from a position on, fewer at the end of the file
 */
export async function listingBoxes(
  read: (start: number, length: number) => Promise<Uint8Array>,
  size: number,
): Promise<Box[] | undefined> {
  const boxes: Box[] = [];
  for (let at = 0; at < size && boxes.length < MOST_BOXES;) {
    const box = boxAt(await read(at, 16), at, size);
    if (box === undefined || !KNOWN.has(box.name)) return undefined;
    boxes.push(box);
    at = box.end;
  }
  const listing = boxes.filter(({ name }) => !LEFT.has(name));
  const bytes = listing.reduce((sum, { start, end }) => sum + end - start, 0);
  const count = (wanted: string) => boxes.filter(({ name }) => name === wanted).length;
  const isOne = boxes.at(-1)?.end === size && count("moov") === 1 && count("mdat") > 0;
  return isOne && bytes <= MOST_BYTES ? listing : undefined;
}

function boxAt(head: Uint8Array, start: number, size: number): Box | undefined {
  if (head.length < 8) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const name = String.fromCharCode(...head.subarray(4, 8));
  const short = view.getUint32(0);
  const isLong = short === 1;
  if (isLong && head.length < 16) return undefined;
  const length = isLong ? Number(view.getBigUint64(8)) : short === 0 ? size - start : short;
  const end = start + length;
  return length >= (isLong ? 16 : 8) && end <= size ? { name, start, end } : undefined;
}
