/**
 * Pictures and sound as one stream of one channel: one stream id, one numbering, and one end, so
 * that every channel carries and keeps them as it does any stream. The message of either is the
 * payload of a message of the film, behind 16 bytes:
 *
 * | offset | size | meaning, little-endian |
 * |---|---|---|
 * | 0 | 1 | 0: a window of pictures, 1: a block of sound |
 * | 1 | 1 | flags: 1 the pictures or the sound end with it, 2 the film has sound |
 * | 2 | 6 | zero |
 * | 8 | 8 | number of the window or block |
 *
 * The time in the envelope is that of the source, for both.
 *
 * @module
 */
import type { Delivery, Receiver, Sender } from "@vcs/transport/channel";
import { abortable } from "@vcs/transport/internal";
import { type Message, message, newStreamId } from "@vcs/transport/message";

/** What a film consists of. */
export type Track = "video" | "sound";

/** What a channel's sender must do for the sender of a track. */
export type TrackSender = Pick<Sender, "send" | "flush" | "counters" | "peerCapabilities">;

/** What a channel's receiver must do for the receiver of a track. */
export type TrackReceiver = Pick<Receiver, "receive">;

const TRACKS: readonly Track[] = ["video", "sound"];
const HEAD = 16;
const FLAG = { end: 1, sound: 2 } as const;

/** A message of a track, and what it says of the film. */
export interface TrackMessage {
  /** Which track it belongs to. */
  readonly track: Track;
  /** Whether the film has sound. */
  readonly hasSound: boolean;
  /** The message as the track's sender made it, but for the stream id, which is the film's. */
  readonly message: Message;
}

/** The message of a film that carries one of a track. */
export function wrapped({ track, hasSound, message: inner }: TrackMessage): Message {
  const payload = new Uint8Array(HEAD + inner.payload.length);
  const view = new DataView(payload.buffer);
  view.setUint8(0, TRACKS.indexOf(track));
  view.setUint8(1, (inner.end ? FLAG.end : 0) | (hasSound ? FLAG.sound : 0));
  view.setBigUint64(8, BigInt(inner.sequence), true);
  payload.set(inner.payload, HEAD);
  return message(payload, { ...inner, format: "bytes" });
}

/** The message of a track in one of a film; undefined if there is none. */
export function unwrapped(outer: Message): TrackMessage | undefined {
  const { payload } = outer;
  if (payload.length < HEAD) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, HEAD);
  const track = TRACKS[view.getUint8(0)];
  const flags = view.getUint8(1);
  const sequence = Number(view.getBigUint64(8, true));
  const isZero = view.getUint16(2, true) === 0 && view.getUint32(4, true) === 0;
  if (!track || flags > 3 || !isZero || !Number.isSafeInteger(sequence)) return undefined;
  const fields = { ...outer, sequence, end: (flags & FLAG.end) !== 0 };
  const inner = message(payload.subarray(HEAD), fields);
  return { track, hasSound: (flags & FLAG.sound) !== 0, message: inner };
}

/** Sends the tracks of a film through one channel. */
export class FilmTracks {
  readonly #channel: TrackSender;
  readonly #open: Set<Track>;
  readonly #hasSound: boolean;
  #sequence = 0;
  /** Settles when the message before has been passed to the channel. */
  #turn: Promise<void> = Promise.resolve();

  /** Id of the film, in every message. */
  readonly streamId: string = newStreamId();

  /** Begins a film. */
  constructor(channel: TrackSender, hasSound: boolean) {
    this.#channel = channel;
    this.#hasSound = hasSound;
    this.#open = new Set(hasSound ? TRACKS : ["video"]);
  }

  /** The end that a track is sent from; the film ends when all its tracks have. */
  sender(track: Track): TrackSender {
    const channel = this.#channel;
    return {
      get counters() {
        return channel.counters;
      },
      get peerCapabilities() {
        return channel.peerCapabilities ?? [];
      },
      flush: () => channel.flush(),
      send: (inner, options) => this.#send(track, inner, options),
    };
  }

  /** One after the other, so that messages come in the order of their numbers. */
  async #send(track: Track, inner: Message, options?: { signal?: AbortSignal }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#turn;
    this.#turn = promise;
    await before;
    try {
      const outer = wrapped({ track, hasSound: this.#hasSound, message: inner });
      if (inner.end) this.#open.delete(track);
      const end = this.#open.size === 0;
      const fields = { streamId: this.streamId, sequence: this.#sequence++, end };
      await this.#channel.send({ ...outer, ...fields }, options);
    } finally {
      resolve();
    }
  }
}

/** Takes the tracks of a film from one channel; each is received at its own pace. */
export class TrackSplitter {
  readonly #channel: TrackReceiver;
  readonly #signal: AbortSignal;
  readonly #waiting: Record<Track, Delivery[]> = { video: [], sound: [] };
  #hasSound: boolean | undefined;
  #isOver = false;
  #foreign = 0;
  /** The one who takes the next message, for whichever track it is. */
  #taking: Promise<void> | undefined;

  /** @param signal ends what is waited for */
  constructor(channel: TrackReceiver, signal: AbortSignal) {
    this.#channel = channel;
    this.#signal = signal;
  }

  /** Messages that were none of a film's. */
  get foreign(): number {
    return this.#foreign;
  }

  /** Whether the film has sound; waits for its first message, and is false if there is none. */
  async hasSound(): Promise<boolean> {
    while (this.#hasSound === undefined && !this.#isOver) await this.#takeOne();
    return this.#hasSound ?? false;
  }

  /** The end that a track is received from; it has ended when the film has. */
  receiver(track: Track): TrackReceiver {
    return { receive: (options) => this.#receive(track, options?.signal) };
  }

  /** Messages of a track up to its end, each accepted when the next one is requested. */
  async *messages(track: Track, signal?: AbortSignal): AsyncGenerator<Message> {
    for (let next = await this.#receive(track, signal); next;) {
      yield next.message;
      await next.accept();
      next = next.message.end ? undefined : await this.#receive(track, signal);
    }
  }

  async #receive(track: Track, signal?: AbortSignal): Promise<Delivery | undefined> {
    for (;;) {
      const delivery = this.#waiting[track].shift();
      if (delivery || this.#isOver) return delivery;
      await abortable(this.#takeOne(), signal);
    }
  }

  async #takeOne(): Promise<void> {
    this.#taking ??= this.#take().finally(() => this.#taking = undefined);
    this.#taking.catch(() => {}); // who waits no more need not hear of a failure
    await this.#taking;
  }

  async #take(): Promise<void> {
    const delivery = await this.#channel.receive({ signal: this.#signal });
    if (!delivery) return void (this.#isOver = true);
    const found = unwrapped(delivery.message);
    this.#isOver = delivery.message.end;
    if (!found) {
      this.#foreign++;
      return await delivery.accept();
    }
    this.#hasSound ??= found.hasSound;
    const accept = () => delivery.accept();
    this.#waiting[found.track].push({ message: found.message, accept });
  }
}
