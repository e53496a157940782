/**
 * Raw frames and samples with their times as a Matroska stream (RFC 9559), which is how the program
 * ffmpeg is given both through one pipe.
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/internal";
import type { EncodePlan } from "./video_encoder.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Numbers of the tracks. */
export const TRACKS = { video: 1, audio: 2 } as const;

/** Ids of the elements (RFC 9559, section 5). */
const ID = {
  ebml: [0x1a, 0x45, 0xdf, 0xa3],
  docType: [0x42, 0x82],
  segment: [0x18, 0x53, 0x80, 0x67],
  info: [0x15, 0x49, 0xa9, 0x66],
  timestampScale: [0x2a, 0xd7, 0xb1],
  tracks: [0x16, 0x54, 0xae, 0x6b],
  trackEntry: [0xae],
  trackNumber: [0xd7],
  trackUid: [0x73, 0xc5],
  trackType: [0x83],
  codecId: [0x86],
  defaultDuration: [0x23, 0xe3, 0x83],
  video: [0xe0],
  pixelWidth: [0xb0],
  pixelHeight: [0xba],
  fourCc: [0x2e, 0xb5, 0x24],
  audio: [0xe1],
  samplingFrequency: [0xb5],
  channels: [0x9f],
  bitDepth: [0x62, 0x64],
  cluster: [0x1f, 0x43, 0xb6, 0x75],
  timestamp: [0xe7],
  simpleBlock: [0xa3],
} as const;

/** A segment whose length is not known. */
const UNKNOWN_SIZE = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** Nanoseconds of a tick. */
const SCALE = 1;

const ascii = (text: string): Bytes => new TextEncoder().encode(text);

/** A number in eight bytes, as unsigned integers and sizes are written here. */
function uint64(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function float64(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** Id and size of an element whose content follows; the size has eight bytes, the first says so. */
function header(id: readonly number[], size: number): Bytes {
  const bytes = uint64(size);
  bytes[0] = 1;
  return Uint8Array.of(...id, ...bytes);
}

/** An element of a number, of bytes, or of other elements. */
function element(id: readonly number[], ...content: (Bytes | number)[]): Bytes {
  const body = concatBytes(content.map((part) => typeof part === "number" ? uint64(part) : part));
  return concatBytes([header(id, body.length), body]);
}

function trackEntry(number: number, codec: string, ...kind: Bytes[]): Bytes {
  return element(
    ID.trackEntry,
    element(ID.trackNumber, number),
    element(ID.trackUid, number),
    element(ID.trackType, number),
    element(ID.codecId, ascii(codec)),
    ...kind,
  );
}

/** What stands before the first frame: RGB of 8 bits, and interleaved 32-bit samples if wanted. */
export function matroskaHead(
  { width, height, rate, audio }: Pick<EncodePlan, "width" | "height" | "rate" | "audio">,
): Bytes {
  // Also how long the last frame is shown.
  const duration = element(ID.defaultDuration, Math.round(1e9 * rate[1] / rate[0]));
  const picture = element(
    ID.video,
    element(ID.pixelWidth, width),
    element(ID.pixelHeight, height),
    element(ID.fourCc, Uint8Array.of(...ascii("RGB"), 24)),
  );
  const entries = [trackEntry(TRACKS.video, "V_UNCOMPRESSED", duration, picture)];
  if (audio) {
    const sound = element(
      ID.audio,
      element(ID.samplingFrequency, float64(audio.sampleRate)),
      element(ID.channels, audio.channels),
      element(ID.bitDepth, 32),
    );
    entries.push(trackEntry(TRACKS.audio, "A_PCM/FLOAT/IEEE", sound));
  }
  return concatBytes([
    element(ID.ebml, element(ID.docType, ascii("matroska"))),
    Uint8Array.of(...ID.segment, ...UNKNOWN_SIZE),
    element(ID.info, element(ID.timestampScale, SCALE)),
    element(ID.tracks, ...entries),
  ]);
}

/**
 * What stands before the bytes of a frame, or of some samples: a cluster with one block.
 *
 * @param seconds when it is shown or heard
 * @param size bytes that follow
 */
export function matroskaBlock(
  track: typeof TRACKS[keyof typeof TRACKS],
  seconds: number,
  size: number,
): Bytes {
  const time = element(ID.timestamp, Math.round(seconds * 1e9 / SCALE));
  // Track, time within the cluster, flags: a key frame.
  const block = Uint8Array.of(0x80 | track, 0, 0, 0x80);
  const blockHead = header(ID.simpleBlock, block.length + size);
  const length = time.length + blockHead.length + block.length + size;
  return concatBytes([header(ID.cluster, length), time, blockHead, block]);
}
