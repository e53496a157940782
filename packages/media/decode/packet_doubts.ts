/**
 * What packets leave open: which frames a decoder shows at the start of a cut, and what follows what
 * where recordings were joined. Only decoding settles it.
 *
 * @module
 */
import type { PacketRecord } from "../ffmpeg/backend.ts";

/** Whether a file has no time at all: those of a decoder are made up then. */
export function isBare(packets: readonly PacketRecord[]): boolean {
  return packets.length > 0 &&
    packets.every(({ ticks, decodeTicks }) => ticks === undefined && decodeTicks === undefined);
}

/**
 * Whether frames of several recordings lie on one another in time: a key frame comes before two
 * frames that precede it in the file. One frame may just have a wrong time.
 */
export function areJoined(packets: readonly PacketRecord[]): boolean {
  let [latest, second] = [-Infinity, -Infinity];
  for (const { ticks = -Infinity, keyframe, shown } of packets) {
    if (!shown) continue;
    if (keyframe && ticks < second) return true;
    if (ticks > latest) [latest, second] = [ticks, latest];
    else second = Math.max(second, ticks);
  }
  return false;
}

/**
 * The time, in ticks, before which only a decoder knows what is shown; undefined where the packets
 * show it. A cut can leave frames before the first key frame, and others after it that come before
 * it in time, or at the same where a container has no time below zero: they build on what was cut
 * off. Some decoders show what an edit list takes off the start. All is settled with the key frame
 * after that.
 */
export function settledFrom(packets: readonly PacketRecord[]): number | undefined {
  const first = packets.findIndex(({ keyframe }) => keyframe);
  if (first < 0) return packets.length === 0 ? undefined : Infinity;
  const next = packets.findIndex(({ keyframe }, i) => keyframe && i > first);
  const start = packets[first]!.ticks ?? -Infinity;
  const group = packets.slice(0, next < 0 ? undefined : next);
  const isOpen = group.some(({ ticks, shown }, i) =>
    shown && (i < first || (i > first && ticks! <= start))
  );
  return isOpen || !packets[0]!.shown ? packets[next]?.ticks ?? Infinity : undefined;
}

/** Packets before a time are marked as shown where a decoder showed them, and only there. */
export function withoutUnseen(
  packets: readonly PacketRecord[],
  seen: readonly (number | undefined)[],
  settled: number,
): PacketRecord[] {
  const left = new Map<number | undefined, number>();
  for (const ticks of seen) left.set(ticks, (left.get(ticks) ?? 0) + 1);
  return packets.map((packet) => {
    if (packet.ticks === undefined || packet.ticks >= settled) return packet;
    const count = left.get(packet.ticks) ?? 0;
    left.set(packet.ticks, count - 1);
    return { ...packet, shown: count > 0 };
  });
}
