/**
 * Which audio file some bytes begin, so that one is not taken for bare samples.
 *
 * @module
 */

/** Bytes that tell. */
export const KIND_BYTES = 2048;

const SIGNATURES: readonly (readonly [kind: string, at: number, text: string])[] = [
  ["WAV", 8, "WAVE"],
  ["AIFF", 8, "AIFF"],
  ["AIFF", 8, "AIFC"],
  ["RIFF", 0, "RIFF"],
  ["Wave64", 0, "riff\x2e\x91\xcf\x11"],
  ["FLAC", 0, "fLaC"],
  ["Ogg", 0, "OggS"],
  ["MP3", 0, "ID3"],
  ["MP4", 4, "ftyp"],
  ["Matroska", 0, "\x1a\x45\xdf\xa3"],
  ["CAF", 0, "caff"],
  ["Sun audio", 0, ".snd"],
  ["WavPack", 0, "wvpk"],
  ["Monkey's Audio", 0, "MAC "],
  ["True Audio", 0, "TTA1"],
  ["AMR", 0, "#!AMR"],
  ["ASF", 0, "\x30\x26\xb2\x75"],
  [".ecdc", 0, "ECDC"],
];

/** Bit rates of MPEG layer III in kbit/s: version 1, and versions 2 and 2.5. */
const LAYER_3_RATES = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;

/** Bytes of the MPEG layer III frame that begins at a position, if one does. */
function layer3Frame(bytes: Uint8Array, at: number): number | undefined {
  const [sync = 0, kind = 0, rates = 0] = bytes.subarray(at, at + 3);
  if (sync !== 0xff || (kind & 0xe6) !== 0xe2) return undefined;
  const version = kind >> 3 & 3;
  const isFirst = version === 3;
  const kilobits = LAYER_3_RATES[isFirst ? 0 : 1][rates >> 4];
  const sampleRate = [44100, 48000, 32000][rates >> 2 & 3];
  if (version === 1 || !kilobits || !sampleRate) return undefined;
  const divided = isFirst ? sampleRate : sampleRate / (version === 2 ? 2 : 4);
  return Math.floor((isFirst ? 144_000 : 72_000) * kilobits / divided) + (rates >> 1 & 1);
}

/** Bytes of the AAC frame (ADTS) that begins at a position, if one does. */
function adtsFrame(bytes: Uint8Array, at: number): number | undefined {
  const [sync = 0, kind = 0, , high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 6);
  if (sync !== 0xff || (kind & 0xf6) !== 0xf0) return undefined;
  const length = (high & 3) << 11 | middle << 3 | low >> 5;
  return length > 7 ? length : undefined;
}

/**
 * The kind of audio file that begins so, or undefined if these may be bare samples. A frame of MP3 or
 * AAC counts only if another follows it: its sync word alone is a pair of quiet samples, too.
 */
export function encodedKind(head: Uint8Array): string | undefined {
  const text = String.fromCharCode(...head.subarray(0, 12));
  const found = SIGNATURES.find(([, at, signature]) => text.startsWith(signature, at));
  if (found) return found[0];
  for (const [kind, frame] of [["MP3", layer3Frame], ["AAC", adtsFrame]] as const) {
    const first = frame(head, 0);
    if (first !== undefined && frame(head, first) !== undefined) return kind;
  }
  return undefined;
}
