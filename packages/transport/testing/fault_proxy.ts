/**
 * A TCP proxy that plays faults on what goes through: it delays, cuts, corrupts, swaps, and hands
 * on one byte at a time.
 *
 * @module
 */
import { writeAll } from "../io/write_all.ts";

/** What the proxy does to bytes; may be changed while it runs. */
export interface Faults {
  /** Milliseconds that every piece waits. */
  delay?: number;
  /** Hands on one byte at a time. */
  dribble?: boolean;
  /** Swallows all that comes, over new connections too. */
  dark?: boolean;
  /** Swallows all that comes from the end that was connected to. */
  mute?: boolean;
  /** Changes what comes from the end that was connected to. */
  rewrite?: (bytes: Uint8Array) => void;
  /** Cuts the connection after so many more bytes from the connecting end. */
  cutAfter?: number;
  /** Flips one bit of the next occurrence of these bytes, once. */
  corrupt?: Uint8Array;
  /** Swaps the halves of the next piece of at least so many bytes, once. */
  swap?: number;
}

/** A proxy in front of a port on the loopback interface. */
export class FaultProxy implements AsyncDisposable {
  readonly faults: Faults;
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #hostname: string;
  readonly #pairs = new Set<readonly [Deno.Conn, Deno.Conn]>();
  readonly #running: Promise<void>;
  readonly #pumps = new Set<Promise<void>>();
  readonly #dark = new WeakSet<Deno.Conn>();
  connections = 0;

  /** @param port where it listens. Default: any that is free. */
  constructor(target: number, faults: Faults = {}, hostname = "127.0.0.1", port = 0) {
    this.#hostname = hostname;
    this.#target = target;
    this.faults = faults;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#running = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Swallows all that comes over the connections there are, as a cable does that was pulled. */
  darken(): void {
    for (const pair of this.#pairs) for (const conn of pair) this.#dark.add(conn);
  }

  /** Cuts all connections. */
  cut(): void {
    for (const pair of this.#pairs) close(pair);
    this.#pairs.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running;
    this.cut();
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const from = await this.#listener.accept().catch(() => undefined);
      if (!from) return;
      this.connections++;
      const to = await Deno.connect({ hostname: this.#hostname, port: this.#target })
        .catch(() => undefined);
      if (!to) from.close();
      else this.#join([from, to]);
    }
  }

  #join(pair: readonly [Deno.TcpConn, Deno.TcpConn]): void {
    this.#pairs.add(pair);
    for (const conn of pair) conn.setNoDelay(true);
    for (const [from, to] of [pair, [pair[1], pair[0]]] as const) {
      const pump: Promise<void> = this.#pump(from, to, from === pair[0]).catch(() => {})
        .finally(() => (close(pair), this.#pairs.delete(pair), this.#pumps.delete(pump)));
      this.#pumps.add(pump);
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, forth: boolean): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) return;
      if (this.faults.dark || this.#dark.has(from) || this.faults.mute && !forth) continue;
      const bytes = buffer.subarray(0, count);
      if (forth) this.#damage(bytes);
      else this.faults.rewrite?.(bytes);
      const { delay = 0, dribble = false } = this.faults;
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      const step = dribble ? 1 : count;
      for (let at = 0; at < count; at += step) await writeAll(to, bytes.subarray(at, at + step));
      if (forth && this.#isCut(count)) return;
    }
  }

  #damage(bytes: Uint8Array): void {
    const { corrupt, swap } = this.faults;
    const at = corrupt ? find(bytes, corrupt) : -1;
    if (at >= 0) {
      bytes[at]! ^= 0x10;
      delete this.faults.corrupt;
    }
    if (swap !== undefined && bytes.length >= swap) {
      const half = bytes.slice(0, bytes.length >> 1);
      bytes.copyWithin(0, half.length);
      bytes.set(half, bytes.length - half.length);
      delete this.faults.swap;
    }
  }

  #isCut(count: number): boolean {
    if (this.faults.cutAfter === undefined) return false;
    this.faults.cutAfter -= count;
    if (this.faults.cutAfter > 0) return false;
    delete this.faults.cutAfter;
    return true;
  }
}

function close(pair: readonly Deno.Conn[]): void {
  for (const conn of pair) {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }
}

function find(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
