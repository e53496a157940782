/**
 * What a page follows over a WebSocket. Each viewer has a bounded queue of its own: one that reads
 * slowly gets the newest and misses the rest, counted; one that does not read is cut off.
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
  /** Bytes that may wait for one viewer. Default: 512 KiB. */
  readonly waiting?: number;
  /** Viewers at a time. Default: 32. */
  readonly viewers?: number;
  /** Milliseconds in which a viewer that is owed bytes must take some. Default: 3,000. */
  readonly stuckAfter?: number;
  /** Time. Default: the system's. */
  readonly clock?: Clock;
  /** Called with each new viewer; returns what to do when it leaves. */
  readonly onJoin?: (viewer: FeedViewer) => (() => void) | void;
  /** Called with each text of a viewer, at most 125 bytes long. */
  readonly onMessage?: (text: string) => void;
}

/** Largest piece that is written at once; progress is seen piece by piece. */
const PIECE = 64 * 1024;

interface Waiting {
  readonly frame: Uint8Array;
  readonly key: string | undefined;
}

/** One viewer of a feed. */
export class FeedViewer {
  readonly #socket: Socket;
  readonly #options: Required<Pick<FeedOptions, "waiting" | "stuckAfter" | "clock">>;
  readonly #receive: (text: string) => void;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** The rest of the frame that is being written. */
  #rest: Uint8Array = new Uint8Array(0);
  #isWriting = false;
  #isClosing = false;
  #isWatched = false;
  /** Pieces that the system has taken. */
  #taken = 0;
  readonly #gone = new AbortController();
  #dropped = 0;
  #input: Uint8Array = new Uint8Array(0);

  /** Made by {@linkcode Feed.take}. */
  constructor(socket: Socket, options: FeedOptions) {
    const { waiting = 512 * 1024, stuckAfter = 3000, clock = systemClock } = options;
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
    return this.#waitingBytes + this.#rest.length;
  }

  /**
   * Sends a message, or queues it while the viewer reads what came before.
   *
   * @param key a waiting message with the same key is replaced
   */
  send(data: string | Uint8Array, key?: string): void {
    this.enqueue(messageFrame(data), key);
  }

  /** Says goodbye: what waits is dropped. */
  close(code: number = CLOSE.goingAway): void {
    if (this.#isClosing) return;
    for (const { frame } of this.#waiting.splice(0)) this.#waitingBytes -= frame.length;
    this.enqueue(closeFrame(code));
    this.#isClosing = true;
  }

  /** Sends a frame, or queues it; see {@linkcode FeedViewer.send}. */
  enqueue(frame: Uint8Array, key?: string): void {
    if (this.#isClosing) return;
    const { waiting } = this.#options;
    const same = key === undefined ? -1 : this.#waiting.findIndex((other) => other.key === key);
    if (same >= 0) this.#drop(same);
    while (this.#waiting.length > 0 && this.#waitingBytes + frame.length > waiting) this.#drop(0);
    this.#waiting.push({ frame, key });
    this.#waitingBytes += frame.length;
    if (this.#isWriting) return;
    this.#writeNext();
    if (!this.#isWatched) void this.#watch();
  }

  #drop(index: number): void {
    const [old] = this.#waiting.splice(index, 1);
    this.#waitingBytes -= old?.frame.length ?? 0;
    this.#dropped++;
  }

  /** Writes the next piece; the one after it follows when the system has taken this one. */
  #writeNext(): void {
    if (this.#rest.length === 0) {
      const next = this.#waiting.shift();
      this.#isWriting = next !== undefined;
      if (next === undefined) {
        if (this.#isClosing) this.#socket.end();
        return;
      }
      this.#waitingBytes -= next.frame.length;
      this.#rest = next.frame;
    }
    const piece = this.#rest.subarray(0, PIECE);
    this.#socket.write(piece, (error) => {
      this.#rest = this.#rest.subarray(piece.length);
      this.#taken++;
      if (!error) this.#writeNext();
    });
  }

  /** Cuts the viewer off when it takes nothing of what it is owed, whether more comes or not. */
  async #watch(): Promise<void> {
    const { clock, stuckAfter } = this.#options;
    const { signal } = this.#gone;
    this.#isWatched = true;
    while (this.#isWriting && !signal.aborted) {
      const before = this.#taken;
      await clock.sleep(stuckAfter, signal).catch(() => {});
      if (this.#isWriting && this.#taken === before) this.#socket.destroy();
    }
    this.#isWatched = false;
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
    if (opcode === OPCODE.ping) this.enqueue(encodeFrame(OPCODE.pong, payload), "pong");
    if (opcode === OPCODE.close) this.close((payload[0] ?? 0x3) << 8 | (payload[1] ?? 0xe8));
  }
}

function messageFrame(data: string | Uint8Array): Uint8Array {
  return typeof data === "string"
    ? encodeFrame(OPCODE.text, new TextEncoder().encode(data))
    : encodeFrame(OPCODE.binary, data);
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
    const frame = messageFrame(data);
    for (const viewer of this.#viewers) viewer.enqueue(frame, key);
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
