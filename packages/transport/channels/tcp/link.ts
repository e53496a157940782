/**
 * One connection of the `tcp:` channel after its handshake: frames each way and a heartbeat.
 *
 * The connecting end speaks first. Both say hello (role, id, the id and the count of messages
 * seen of the other end, a nonce); where there is a secret, both prove to know it by
 * HMAC-SHA-256 over both nonces and the speaker's role; then the listener welcomes or refuses.
 *
 * @module
 */
import { writeAll } from "../../io/write_all.ts";
import { TransportError } from "../../errors.ts";
import { onAbort, settledWithin } from "../../flow/abort.ts";
import type { Conn } from "../../flow/places.ts";
import { NO_ID } from "../../message.ts";
import { FRAME, frameControl, FrameReader } from "./frames.ts";
import type { Frame } from "./frames.ts";

/** Which end of the channel speaks. */
export type Role = "sender" | "receiver";

/** What an end says of itself. */
export interface Hello {
  readonly role: Role;
  /** Random, for the life of the sender or receiver: 16 hexadecimal digits. */
  readonly id: string;
  /** The other end's id when it was last seen. */
  readonly peerId: string;
  /** Messages that came from that other end. */
  readonly received: number;
  /** Messages that may be in flight. */
  readonly credits: number;
}

/** Why a connection is refused. */
const REFUSALS = ["version", "role", "secret", "busy"] as const;
type Refusal = typeof REFUSALS[number];

/** This end was refused, or refused the other one. */
export class RefusedError extends TransportError {
  readonly reason: Refusal;

  constructor(reason: Refusal) {
    super("refused", `Cannot connect: the peer refuses, because of ${EXPLAINED[reason]}`);
    this.reason = reason;
  }
}

const EXPLAINED: Record<Refusal, string> = {
  version: "another version of the protocol",
  role: "the role: a sender needs a receiver",
  secret: "the secret, which both ends must know",
  busy: "another that it is connected to",
};

/** Everything that a handshake needs. */
export interface LinkOptions {
  readonly hello: Hello;
  readonly secret: string | undefined;
  readonly maxPayload: number;
  /** Milliseconds between two signs of life; three without one end the connection. */
  readonly heartbeat: number;
  /** Ends the handshake early. */
  readonly signal: AbortSignal;
  /** Called when the other end has introduced itself. */
  heard?(): void;
}

const MAGIC = 0x54534356;
const VERSION = 1;
const HELLO_SIZE = 52;
const HANDSHAKE_TIMEOUT = 5000;
/** How long both ends may take to say goodbye. */
const FAREWELL = 500;

/** A connection whose ends know each other. */
export class Link implements Disposable {
  /** The other end. */
  readonly peer: Hello;
  /** Aborted when the connection is over. */
  readonly signal: AbortSignal;
  readonly #wire: Wire;

  constructor(wire: Wire, peer: Hello, heartbeat: number) {
    this.#wire = wire;
    this.peer = peer;
    this.signal = wire.signal;
    wire.startBeating(heartbeat);
  }

  /**
   * The next frame that is not a heartbeat; undefined where the other end is done.
   *
   * @param beforeWait called before every wait for bytes that have not come, also between heartbeats
   */
  async read(beforeWait?: () => Promise<void>): Promise<Frame | undefined> {
    for (;;) {
      if (!this.#wire.reader.ready) await beforeWait?.();
      const frame = await this.#wire.reader.next();
      if (frame === undefined || frame.type === FRAME.bye) return undefined;
      if (frame.type === FRAME.refuse) throw refusalOf(frame);
      if (frame.type !== FRAME.beat && frame.type !== FRAME.welcome) return frame;
    }
  }

  /** Sends a frame. */
  write(frame: Uint8Array): Promise<void> {
    return this.#wire.write(frame);
  }

  /** Takes the other end on, as a listener. */
  welcome(): Promise<void> {
    return this.#wire.write(frameControl(FRAME.welcome));
  }

  /** Turns the other end away, as a listener. */
  async refuse(reason: Refusal): Promise<void> {
    await this.#wire.refuse(reason);
    this[Symbol.dispose]();
  }

  /** Says goodbye and gives the other end a moment to read it. */
  async end(last: Uint8Array[] = []): Promise<void> {
    await settledWithin(FAREWELL, this.#sayGoodbye(last));
    this[Symbol.dispose]();
  }

  async #sayGoodbye(last: Uint8Array[]): Promise<void> {
    for (const frame of [...last, frameControl(FRAME.bye)]) await this.#wire.write(frame);
    await this.#wire.conn.closeWrite();
    if (!this.signal.aborted) await this.#wire.gone();
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#wire.close();
  }
}

/** A connection with frames and signs of life. */
class Wire {
  readonly conn: Conn;
  readonly reader: FrameReader;
  readonly #abort = new AbortController();
  /** Heartbeats so far, and at which of them bytes last came and went: cheaper than a clock. */
  #beats = 0;
  #heard = 0;
  #spoke = 0;
  /** The last of the writes that go on; nothing where the next need not wait. */
  #tail: Promise<void> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;

  constructor(conn: Conn, maxPayload: number) {
    this.conn = conn;
    if ("setNoDelay" in conn) (conn as Pick<Deno.TcpConn, "setNoDelay">).setNoDelay(true);
    const read = (into: Uint8Array) => {
      // Who reads on has heard what was read before.
      this.#heard = this.#beats;
      return conn.read(into);
    };
    this.reader = new FrameReader({ read }, maxPayload, true);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  write(frame: Uint8Array): Promise<void> {
    this.#spoke = this.#beats;
    const write = () => writeAll(this.conn, frame);
    const written = this.#tail ? this.#tail.then(write) : write();
    const done = () => {
      if (this.#tail === tail) this.#tail = undefined;
    };
    const tail: Promise<void> = this.#tail = written.then(done, done);
    return written;
  }

  async refuse(reason: Refusal): Promise<void> {
    const body = new TextEncoder().encode(reason);
    await this.write(frameControl(FRAME.refuse, 0, body)).catch(() => {});
    await this.conn.closeWrite().catch(() => {});
  }

  startBeating(heartbeat: number): void {
    this.#pulse = setInterval(() => {
      if (this.#beats - this.#heard >= 3) return this.close();
      if (this.#spoke < this.#beats) this.write(frameControl(FRAME.beat)).catch(() => {});
      this.#beats++;
    }, heartbeat);
  }

  /** Waits until the connection is over. */
  gone(): Promise<void> {
    return new Promise((resolve) => onAbort(this.signal, resolve));
  }

  close(): void {
    if (this.signal.aborted) return;
    clearInterval(this.#pulse);
    this.#abort.abort();
    try {
      this.conn.close();
    } catch {
      // Closed by the runtime already.
    }
  }
}

/**
 * Makes a link of a fresh connection.
 *
 * @throws {RefusedError} where the ends do not fit.
 */
export async function handshake(
  conn: Conn,
  end: "connector" | "listener",
  options: LinkOptions,
): Promise<Link> {
  const wire = new Wire(conn, options.maxPayload);
  const stop = () => wire.close();
  const timer = setTimeout(stop, HANDSHAKE_TIMEOUT);
  const aborting = onAbort(options.signal, stop);
  try {
    options.signal.throwIfAborted();
    const peer = await introduce(wire, end, options);
    if (end === "connector") await expect(wire, FRAME.welcome);
    wire.reader.trust();
    return new Link(wire, peer, options.heartbeat);
  } catch (error) {
    wire.close();
    throw error;
  } finally {
    aborting[Symbol.dispose]();
    clearTimeout(timer);
  }
}

async function introduce(
  wire: Wire,
  end: "connector" | "listener",
  { hello, secret, heard }: LinkOptions,
): Promise<Hello> {
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const own = frameControl(FRAME.hello, 0, helloBytes(hello, secret !== undefined, nonce));
  if (end === "connector") await wire.write(own);
  const peer = parseHello((await expect(wire, FRAME.hello)).body!);
  heard?.();
  const refusal = refusalFor(peer, hello.role, secret !== undefined);
  if (refusal) return await refused(wire, refusal);
  if (end === "listener") await wire.write(own);
  if (secret === undefined) return peer;
  await wire.write(
    frameControl(FRAME.proof, 0, await proof(secret, hello.role, nonce, peer.nonce)),
  );
  const theirs = (await expect(wire, FRAME.proof)).body!;
  const known = await isProof(theirs, secret, peer.role, peer.nonce, nonce);
  return known ? peer : await refused(wire, "secret");
}

async function refused(wire: Wire, reason: Refusal): Promise<never> {
  await wire.refuse(reason);
  throw new RefusedError(reason);
}

async function expect(wire: Wire, type: number): Promise<Frame> {
  const frame = await wire.reader.next();
  if (frame?.type === FRAME.refuse) throw refusalOf(frame);
  if (frame?.type === type) return frame;
  throw new TransportError("format", `Cannot connect: found frame ${frame?.type}, not ${type}`);
}

function refusalOf(frame: Frame): RefusedError {
  const word = new TextDecoder().decode(frame.body);
  return new RefusedError(REFUSALS.find((reason) => reason === word) ?? "version");
}

interface PeerHello extends Hello {
  readonly version: number;
  readonly hasSecret: boolean;
  readonly nonce: Uint8Array<ArrayBuffer>;
}

function refusalFor(peer: PeerHello, role: Role, hasSecret: boolean): Refusal | undefined {
  if (peer.version !== VERSION) return "version";
  if (peer.role === role) return "role";
  if (peer.hasSecret !== hasSecret) return "secret";
  return undefined;
}

function helloBytes(hello: Hello, hasSecret: boolean, nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HELLO_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, hello.role === "sender" ? 0 : 1);
  view.setUint8(6, hasSecret ? 1 : 0);
  view.setUint32(8, hello.credits, true);
  view.setBigUint64(12, BigInt(`0x${hello.id}`), true);
  view.setBigUint64(20, BigInt(`0x${hello.peerId}`), true);
  view.setBigUint64(28, BigInt(hello.received), true);
  bytes.set(nonce, 36);
  return bytes;
}

function parseHello(bytes: Uint8Array): PeerHello {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== HELLO_SIZE || view.getUint32(0, true) !== MAGIC) {
    throw new TransportError("format", "Cannot connect: the peer does not speak this protocol");
  }
  const id = (at: number) => view.getBigUint64(at, true).toString(16).padStart(16, "0");
  const hello = {
    version: view.getUint8(4),
    role: view.getUint8(5) === 0 ? "sender" : "receiver",
    hasSecret: view.getUint8(6) !== 0,
    credits: view.getUint32(8, true),
    id: id(12),
    peerId: id(20),
    received: Number(view.getBigUint64(28, true)),
    nonce: bytes.slice(36),
  } as const;
  // Another version may have other fields.
  if (hello.version === VERSION) checkHello(view, hello);
  return hello;
}

/** Both ends may say what they like: nothing is begun on impossible fields. */
function checkHello(view: DataView, { credits, received, id }: Hello): void {
  const wrong = (what: string) => new TransportError("format", `Cannot connect: found ${what}`);
  const flags = [view.getUint8(5), view.getUint8(6), view.getUint8(7)];
  if (flags[0]! > 1 || flags[1]! > 1 || flags[2] !== 0) throw wrong(`flags ${flags} in a hello`);
  if (credits < 1) throw wrong("no credits in a hello, expected one or more");
  if (id === NO_ID) throw wrong("no id in a hello");
  if (!Number.isSafeInteger(received)) throw wrong(`${received} messages in a hello`);
}

const HMAC = { name: "HMAC", hash: "SHA-256" };

function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret);
  return crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign", "verify"]);
}

/** What a speaker signs: its role and both nonces, so that no proof can be sent back. */
function challenge(role: Role, own: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...new TextEncoder().encode(`VCST ${role} `), ...own, ...other]);
}

async function proof(secret: string, role: Role, own: Uint8Array, other: Uint8Array) {
  return new Uint8Array(
    await crypto.subtle.sign(HMAC, await keyOf(secret), challenge(role, own, other)),
  );
}

async function isProof(
  bytes: Uint8Array,
  secret: string,
  role: Role,
  own: Uint8Array,
  other: Uint8Array,
): Promise<boolean> {
  const signed = challenge(role, own, other);
  return await crypto.subtle.verify(HMAC, await keyOf(secret), bytes.slice(), signed);
}
