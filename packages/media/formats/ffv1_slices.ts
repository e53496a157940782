/**
 * Whether a frame of FFV1 is damaged, by the checksums of its slices (RFC 9043, section 4.9). FFmpeg's
 * decoder puts what the frame before showed in the place of a damaged slice, and tells nobody.
 *
 * @module
 */

/** CRC-32 of ISO 3309 with the highest bit first, as FFV1 has it: no inversion, zero at the end. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? crc << 1 ^ 0x04c11db7 : crc << 1;
  return crc;
});

function remainder(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = crc << 8 ^ TABLE[crc >>> 24 ^ byte]!;
  return crc;
}

/** Bytes behind a slice: its size, and where there are checksums its error status and its checksum. */
const [SIZE, FOOTER] = [3, 8];

/** The slices of a packet with their footers, from the last to the first; undefined if it has none. */
function slicesOf(packet: Uint8Array, footer: number): Uint8Array[] | undefined {
  const slices: Uint8Array[] = [];
  let end = packet.length;
  while (end > 0) {
    const at = end - footer;
    if (at < 0) return undefined;
    const size = packet[at]! << 16 | packet[at + 1]! << 8 | packet[at + 2]!;
    if (size > at) return undefined;
    slices.push(packet.subarray(at - size, end));
    end = at - size;
  }
  return slices;
}

/**
 * Whether a packet of FFV1 version 3 has a slice with another checksum than it should, or lost its
 * slices' sizes. Streams without checksums are not looked at.
 */
export function hasTornSlice(packet: Uint8Array): boolean {
  const slices = slicesOf(packet, FOOTER);
  if (slices) return slices.some((slice) => remainder(slice) !== 0);
  return slicesOf(packet, SIZE) === undefined;
}
