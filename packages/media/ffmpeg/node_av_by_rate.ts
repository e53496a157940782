/**
 * Lists the frames of a film elsewhere whose file lists only its key frames: those of its first and
 * its last group are read, and the others are counted at its constant rate.
 *
 * @module
 */
import type { Inspection, PacketRecord, StreamFacts } from "./backend.ts";
import { AV, type AvFormatContext, loadNodeAv, type NodeAv } from "./node_av.ts";
import {
  close,
  factsOf,
  inspect,
  openFile,
  recordOf,
  selectStream,
  videoStream,
} from "./node_av_input.ts";
import type { Cues } from "../remote/matroska_cues.ts";
import type { MirrorReader } from "../remote/mirror_reader.ts";
import type { RangeMirror } from "../remote/range_mirror.ts";
import { steadyTimes } from "../remote/steady_times.ts";
import { holdsIdr } from "../formats/h264_start.ts";
import { startsAtKeyframes } from "../decode/seekable_codecs.ts";

/** Most packets from one key frame to the next. */
const MOST_PACKETS = 5000;

/** Why all of a film is read after all. */
const UNSTEADY = "its frames are listed nowhere, and do not come at a constant rate";

/** Packets of one stream, from where an input stands. */
class Packets {
  readonly #av: NodeAv;
  readonly #input: AvFormatContext;
  readonly #reader: MirrorReader | undefined;
  readonly #facts: StreamFacts;
  /** Whether the first one needs nothing before it. */
  beginsWhole = false;

  constructor(
    av: NodeAv,
    input: AvFormatContext,
    reader: MirrorReader | undefined,
    facts: StreamFacts,
  ) {
    [this.#av, this.#input, this.#reader, this.#facts] = [av, input, reader, facts];
  }

  /** Goes to the key frame of a time, or before. */
  async seek(ticks: number): Promise<void> {
    await this.#input.seekFrame(this.#facts.stream, BigInt(ticks), AV.SEEK_BACKWARD);
    this.#reader?.check();
  }

  /** Packets until one is to be left, or the end; undefined where they are too many. */
  async until(isLast: (packet: PacketRecord) => boolean): Promise<PacketRecord[] | undefined> {
    const packets: PacketRecord[] = [];
    const { stream, codec } = this.#facts;
    const packet = new this.#av.Packet();
    packet.alloc();
    try {
      while (await this.#input.readFrame(packet) >= 0) {
        if (packet.streamIndex === stream) {
          const record = recordOf(packet, codec);
          if (isLast(record)) return packets;
          if (packets.push(record) > MOST_PACKETS) return undefined;
          if (packets.length === 1 && codec === "h264") {
            this.beginsWhole = holdsIdr(packet.data ?? new Uint8Array());
          }
        }
        packet.unref();
      }
    } finally {
      packet.free();
    }
    this.#reader?.check();
    return packets;
  }
}

const timesOf = (packets: readonly PacketRecord[]): number[] =>
  packets.flatMap(({ ticks, shown }) => shown && ticks !== undefined ? [ticks] : [])
    .sort((a, b) => a - b);

/** The packets that are read, and between them those that are counted. */
async function listed(packets: Packets, cues: Cues, facts: StreamFacts) {
  const track = cues.tracks[facts.stream];
  const keys = track && cues.times.get(track.number);
  const last = keys?.at(-1);
  const isRight = track?.isVideo && facts.timeBase[0] / facts.timeBase[1] === cues.tick / 1e9;
  if (!isRight || last === undefined || !startsAtKeyframes(facts.codec, facts.pixelFormat)) {
    return undefined;
  }
  let keyframes = 0;
  const head = await packets.until(({ keyframe }) => keyframe && ++keyframes === 2);
  const { beginsWhole } = packets;
  await packets.seek(last);
  const all = await packets.until(() => false);
  const begin = all?.findIndex(({ ticks, keyframe }) => keyframe && ticks === last) ?? -1;
  if (head === undefined || all === undefined || begin < 0) return undefined;
  const tail = all.slice(begin);
  const step = track.frameTime / cues.tick;
  const known = { step, head: timesOf(head), keys: keys!, tail: timesOf(tail) };
  const times = steadyTimes(known, 1e9 / cues.tick);
  if (times === undefined) return undefined;
  const between = times.slice(known.head.length, -known.tail.length);
  const isKey = new Set(keys);
  const counted = between.map((ticks): PacketRecord => ({
    ...{ ticks, decodeTicks: ticks, duration: step, size: 0, shown: true },
    keyframe: isKey.has(ticks),
  }));
  return { packets: [...head, ...counted, ...tail], beginsWhole, countedAt: 1e9 / track.frameTime };
}

/** The header and the packets; undefined where all of the file has to be read. */
async function inspectByRate(
  source: string,
  wanted: number | undefined,
  signal: AbortSignal | undefined,
  mirror: RangeMirror,
): Promise<Inspection | undefined> {
  const av = await loadNodeAv();
  const opened = await openFile(av, source, mirror, signal);
  const { input, reader } = opened;
  try {
    const facts = factsOf(av, input, videoStream(input, source, wanted));
    selectStream(input, facts.stream);
    const found = await listed(new Packets(av, input, reader, facts), mirror.cues!, facts);
    return found && { facts, ...found };
  } finally {
    close(opened);
  }
}

/** The header and all packets of a video stream, wherever the file lies. */
export async function inspectFile(
  source: string,
  wanted: number | undefined,
  signal?: AbortSignal,
  mirror?: RangeMirror,
): Promise<Inspection> {
  if (mirror?.cues && mirror.whole === undefined) {
    const found = await inspectByRate(source, wanted, signal, mirror);
    if (found) return found;
    await mirror.complete(UNSTEADY, signal);
  }
  return await inspect(source, wanted, signal, mirror);
}
