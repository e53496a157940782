/**
 * What a page follows over a WebSocket. Each viewer has a bounded queue of its own: one that reads
 * slowly gets the newest and misses the rest, counted; one that does not read is cut off. What the
 * system would take for a viewer, some megabytes, is no measure of what it reads: pings are, whose
 * answers say how far it has come.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type Clock, systemClock } from "../flow/clock.ts";
import { SiteError } from "./error.ts";
import { CLOSE, closeFrame, decodeFrame, encodeFrame } from "./frames.ts";
import { FrameError, OPCODE } from "./frames.ts";
import { acceptUpgrade, keyOfUpgrade, type UpgradeRoute } from "./upgrade.ts";

/** How a feed treats its viewers. */
export interface FeedOptions {
  /**
   * Bytes that may wait for one viewer; for one that has read nothing for a second no more than
   * 256 KiB, or one message. Default: 512 KiB.
   */
  readonly waiting?: number;
  /** Viewers at a time. Default: 32. */
  readonly viewers?: number;
  /** Milliseconds in which a viewer that is sent bytes must read some. Default: 6,000. */
  readonly stuckAfter?: number;
  /** Time. Default: the system's. */
  readonly clock?: Clock;
  /** Called with each new viewer; returns what to do when it leaves. */
  readonly onJoin?: (viewer: FeedViewer) => (() => void) | void;
  /** Called with each text of a viewer, at most 125 bytes long. */
  readonly onMessage?: (text: string) => void;
}

/** Largest piece that is written at once, as a fragment of its message. */
const PIECE = 32 * 1024;
/** Bytes after which a viewer is asked whether it has read them. */
const ASKED_AFTER = 16 * 1024;
/** Of the bytes that may wait for a viewer, the part that may be under way to it, and the most. */
const [UNDER_WAY, MOST_UNDER_WAY] = [1 / 4, 768 * 1024];
/** Milliseconds after which a viewer that has read nothing is quiet, and what may wait for it then. */
const [QUIET_AFTER, QUIET_WAITING] = [1000, 256 * 1024];

/** A message as it is written. */
export interface Framed {
  /** The frames of its fragments. */
  readonly pieces: readonly Uint8Array[];
  /** Bytes of all of them. */
  readonly size: number;
}

interface Waiting extends Framed {
  readonly key: string | undefined;
}

/** One viewer of a feed. */
export class FeedViewer {
  readonly #socket: Socket;
  readonly #options: Required<Pick<FeedOptions, "waiting" | "stuckAfter" | "clock">>;
  readonly #receive: (text: string) => void;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** The rest of the message that is being written. */
  #rest: Uint8Array[] = [];
  #isWriting = false;
  /** Whether no more is written until the viewer has read. */
  #isHeld = false;
  #isClosing = false;
  /** Whether it has read nothing for a while. */
  #isQuiet = false;
  #isWatched = false;
  /** Bytes that were written, those of them after which it was asked, and those that it has read. */
  #written = 0;
  #asked = 0;
  #read = 0;
  readonly #gone = new AbortController();
  #dropped = 0;
  #input: Uint8Array = new Uint8Array(0);

  /** Made by {@linkcode Feed.take}. */
  constructor(socket: Socket, options: FeedOptions) {
    const { waiting = 512 * 1024, stuckAfter = 6000, clock = systemClock } = options;
    this.#socket = socket;
    this.#options = { waiting, stuckAfter, clock };
    this.#receive = options.onMessage ?? (() => {});
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("error", () => socket.destroy());
    // A socket of the server stays half open otherwise.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#gone.abort());
  }

  /** Messages that this viewer missed. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes that wait for it. */
  get waiting(): number {
    return this.#waitingBytes + sizeOf(this.#rest);
  }

  /**
   * Sends a message, or queues it while the viewer reads what came before.
   *
   * @param key a waiting message with the same key is replaced
   */
  send(data: string | Uint8Array, key?: string): void {
    this.enqueue(framed(data), key);
  }

  /** Says goodbye: what waits is dropped. */
  close(code: number = CLOSE.goingAway): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#waiting = [];
    this.#rest = [];
    this.#waitingBytes = 0;
    this.#socket.end(closeFrame(code));
  }

  /** Sends a message, or queues it; see {@linkcode FeedViewer.send}. */
  enqueue(message: Framed, key?: string): void {
    if (this.#isClosing) return;
    const same = key === undefined ? -1 : this.#waiting.findIndex((other) => other.key === key);
    if (same >= 0) this.#drop(same);
    this.#waiting.push({ ...message, key });
    this.#waitingBytes += message.size;
    this.#makeRoom();
    if (!this.#isWriting) this.#writeNext();
    if (!this.#isWatched) void this.#watch();
  }

  /** Drops the oldest of what waits, but the newest. */
  #makeRoom(): void {
    const { waiting } = this.#options;
    const most = this.#isQuiet ? Math.min(waiting, QUIET_WAITING) : waiting;
    while (this.#waiting.length > 1 && this.#waitingBytes > most) this.#drop(0);
  }

  #drop(index: number): void {
    const [old] = this.#waiting.splice(index, 1);
    this.#waitingBytes -= old?.size ?? 0;
    this.#dropped++;
  }

  /** Writes the next piece; the one after it follows when the system has taken this one. */
  #writeNext(): void {
    if (this.#rest.length === 0) {
      const next = this.#waiting.shift();
      this.#isWriting = next !== undefined;
      if (next === undefined) return;
      this.#waitingBytes -= next.size;
      this.#rest = [...next.pieces];
    }
    const most = Math.min(this.#options.waiting * UNDER_WAY, MOST_UNDER_WAY);
    this.#isHeld = this.#written - this.#read >= most;
    if (this.#isHeld) return;
    const piece = this.#rest.shift()!;
    this.#written += piece.length;
    this.#socket.write(piece, (error) => {
      if (!error) this.#writeNext();
    });
    if (this.#written - this.#asked >= ASKED_AFTER) this.#ask();
  }

  /** Asks the viewer to answer once it has read what was written so far. */
  #ask(): void {
    if (this.#asked === this.#written || this.#isClosing) return;
    this.#asked = this.#written;
    const count = new Uint8Array(Float64Array.of(this.#written).buffer);
    this.#socket.write(encodeFrame(OPCODE.ping, count));
  }

  /** Takes the answer. */
  #answered(payload: Uint8Array): void {
    if (payload.length !== Float64Array.BYTES_PER_ELEMENT) return;
    const [count = 0] = new Float64Array(payload.slice().buffer);
    if (!(count > this.#read && count <= this.#asked)) return;
    this.#read = count;
    this.#isQuiet = false;
    if (this.#isHeld) this.#writeNext();
  }

  /**
   * Holds the viewer short when it reads nothing of what it is sent, whether more comes or not, and
   * then cuts it off.
   */
  async #watch(): Promise<void> {
    const { stuckAfter } = this.#options;
    this.#isWatched = true;
    while (this.#read < this.#written && !this.#gone.signal.aborted) {
      const before = this.#read;
      this.#ask();
      await this.#sleep(QUIET_AFTER);
      if (this.#read > before) continue;
      this.#isQuiet = true;
      this.#makeRoom();
      await this.#sleep(stuckAfter - QUIET_AFTER);
      if (this.#read === before) this.#socket.destroy();
    }
    this.#isWatched = false;
  }

  /** Waits, but not beyond the viewer's going. */
  async #sleep(milliseconds: number): Promise<void> {
    await this.#options.clock.sleep(milliseconds, this.#gone.signal).catch(() => {});
  }

  #take(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    const joined = new Uint8Array(this.#input.length + bytes.length);
    joined.set(this.#input);
    joined.set(bytes, this.#input.length);
    this.#input = joined;
    try {
      for (let frame; !this.#isClosing && (frame = decodeFrame(this.#input));) {
        this.#input = this.#input.subarray(frame.size);
        this.#obey(frame.opcode, frame.payload);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.close(error.code);
    }
  }

  #obey(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.text) this.#receive(new TextDecoder().decode(payload));
    if (opcode === OPCODE.pong) this.#answered(payload);
    if (opcode === OPCODE.ping) this.enqueue(single(encodeFrame(OPCODE.pong, payload)), "pong");
    if (opcode === OPCODE.close) this.close((payload[0] ?? 0x3) << 8 | (payload[1] ?? 0xe8));
  }
}

const sizeOf = (pieces: readonly Uint8Array[]) =>
  pieces.reduce((sum, { length }) => sum + length, 0);

const single = (frame: Uint8Array): Framed => ({ pieces: [frame], size: frame.length });

/** A message in fragments, between which pings may stand. */
function framed(data: string | Uint8Array): Framed {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
    const first = typeof data === "string" ? OPCODE.text : OPCODE.binary;
    const isLast = at + PIECE >= bytes.length;
    const opcode = at === 0 ? first : OPCODE.continuation;
    pieces.push(encodeFrame(opcode, bytes.subarray(at, at + PIECE), isLast));
  }
  return { pieces, size: sizeOf(pieces) };
}

/** All viewers that follow one thing. */
export class Feed implements UpgradeRoute {
  readonly #options: FeedOptions;
  readonly #viewers = new Set<FeedViewer>();
  #dropped = 0;

  /** Starts without viewers. */
  constructor(options: FeedOptions = {}) {
    this.#options = options;
  }

  /** Number of viewers. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Messages that viewers missed, those who have left included. */
  get dropped(): number {
    return [...this.#viewers].reduce((sum, { dropped }) => sum + dropped, this.#dropped);
  }

  /** Sends a message to every viewer; see {@linkcode FeedViewer.send}. */
  send(data: string | Uint8Array, key?: string): void {
    if (this.#viewers.size === 0) return;
    const message = framed(data);
    for (const viewer of this.#viewers) viewer.enqueue(message, key);
  }

  /**
   * Takes a connection whose request has passed the guard.
   *
   * @throws {SiteError} where the request is no WebSocket's, or there are too many viewers
   */
  take(headers: Headers, socket: Socket): void {
    keyOfUpgrade(headers);
    const { viewers: most = 32, onJoin } = this.#options;
    if (this.#viewers.size >= most) {
      throw new SiteError("too-many-clients", `Cannot serve more than ${most} viewers`);
    }
    acceptUpgrade(headers, socket);
    const viewer = new FeedViewer(socket, this.#options);
    this.#viewers.add(viewer);
    const leave = onJoin?.(viewer);
    socket.on("close", () => {
      this.#viewers.delete(viewer);
      this.#dropped += viewer.dropped;
      leave?.();
    });
  }

  /** Says goodbye to all. */
  close(): void {
    for (const viewer of this.#viewers) viewer.close();
  }
}
