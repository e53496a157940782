/**
 * Whether an H.264 packet holds an IDR picture, which a decoder shows without anything before it.
 *
 * @module
 */

const isIdr = (header: number | undefined) => header !== undefined && (header & 0x1f) === 5;

/** The first bytes of units with their lengths before them; undefined where the lengths do not fit. */
function sizedUnits(data: Uint8Array): number[] | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const headers: number[] = [];
  let at = 0;
  while (at + 4 < data.length) {
    headers.push(data[at + 4]!);
    at += 4 + view.getUint32(at);
  }
  return at === data.length ? headers : undefined;
}

/** The first bytes of units behind start codes. */
function markedUnits(data: Uint8Array): number[] {
  const headers: number[] = [];
  for (let at = data.indexOf(1); at >= 0 && at + 1 < data.length; at = data.indexOf(1, at + 1)) {
    if (at >= 2 && data[at - 1] === 0 && data[at - 2] === 0) headers.push(data[at + 1]!);
  }
  return headers;
}

/** Whether a packet holds an IDR picture, in either form of the stream. */
export function holdsIdr(packet: Uint8Array): boolean {
  return (sizedUnits(packet) ?? markedUnits(packet)).some(isIdr);
}
