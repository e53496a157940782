/**
 * Whether a packet of GIF holds a whole picture. FFmpeg's demuxer leaves one out that a cut took the
 * end of; newer ones hand it over, and the decoder shows what there is of it without an error.
 *
 * @module
 */

const [EXTENSION, IMAGE] = [0x21, 0x2c];

/** Bytes of the header and of the screen's description, and where this says what table follows. */
const [HEADER, SCREEN_FLAGS] = [13, 10];
/** The same for a picture's description. */
const [DESCRIPTION, IMAGE_FLAGS] = [10, 9];

/** Bytes of the table of colours that flags announce; none where the file ends before them. */
function tableBytes(flags = 0): number {
  return (flags & 0x80) === 0 ? 0 : 3 << (flags & 7) + 1;
}

/** Where a chain of blocks ends; behind the packet where a block is cut off. */
function afterBlocks(packet: Uint8Array, start: number): number {
  let at = start;
  while ((packet[at] ?? 0) > 0) at += 1 + packet[at]!;
  return at === packet.length ? at : at + 1;
}

/** Whether all blocks of a picture that began are there; true where the packet is none of GIF's. */
export function holdsPicture(packet: Uint8Array): boolean {
  const isFirst = packet[0] === 0x47; // "GIF89a"
  let at = isFirst ? HEADER + tableBytes(packet[SCREEN_FLAGS]) : 0;
  while (packet[at] === EXTENSION) at = afterBlocks(packet, at + 2);
  if (packet[at] !== IMAGE) return at < packet.length;
  const data = at + DESCRIPTION + tableBytes(packet[at + IMAGE_FLAGS]) + 1;
  return afterBlocks(packet, data) <= packet.length;
}
