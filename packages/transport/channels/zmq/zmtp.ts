/**
 * ZMTP, ZeroMQ's protocol, as far as PUSH, PULL, PUB and SUB over TCP need it: versions 3.0 and
 * 3.1 with the mechanism NULL (RFC 23/ZMTP and RFC 37/ZMTP), one part a message.
 *
 * It is written here because the npm binding of libzmq hangs and crashes in Deno, and because
 * high-water marks alone do not bound what is in flight: kernel buffers hide megabytes. So a
 * sender puts a PING behind each message. A peer answers it (PONG, with the PING's context) when
 * it has read the message before it, which libzmq does only while its own queue has room.
 *
 * @module
 */
import { BufferedReader } from "../../io/buffered_reader.ts";
import { writeAll } from "../../io/write_all.ts";
import { TransportError } from "../../errors.ts";
import type { Conn } from "../../flow/places.ts";
import { onAbort } from "../../flow/abort.ts";

/** The sockets that we can be. */
export type SocketType = "PUSH" | "PULL" | "PUB" | "SUB";

/** What each socket may talk to. */
const PARTNERS: Record<SocketType, readonly string[]> = {
  PUSH: ["PULL"],
  PULL: ["PUSH"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
};

const FLAG = { more: 1, long: 2, command: 4 } as const;
const GREETING_SIZE = 64;
const MAX_COMMAND = 4096;
/** Bytes that are read ahead of a peer that is not known, and the longest that it may say. */
const MAX_STRANGER = 1024;
const MAX_PARTS = 16;
const HANDSHAKE_TIMEOUT = 5000;

/** The property of READY by which ends of ours recognise each other: messages that may be in flight. */
const CREDITS = "X-VCS-Credits";

/** A message, or a command with its name. */
export type ZmtpItem =
  | { readonly kind: "message"; readonly body: Uint8Array | undefined }
  | { readonly kind: "command"; readonly name: string; readonly body: Uint8Array };

/** A connection after its handshake. */
export class ZmtpConnection implements Disposable {
  /** Whether the peer knows PING, PONG and the subscription commands. */
  readonly knowsCommands: boolean;
  /** The peer's credits, where it is an end of ours: it reads commands while it holds messages. */
  readonly credits: number | undefined;
  /** Aborted when the connection is over. */
  readonly signal: AbortSignal;
  readonly #wire: ZmtpWire;

  constructor(wire: ZmtpWire, minor: number, credits: number | undefined) {
    this.#wire = wire;
    this.knowsCommands = minor >= 1;
    this.credits = credits;
    this.signal = wire.signal;
  }

  /** How often the peer was heard. */
  get heard(): number {
    return this.#wire.heard;
  }

  /**
   * The next message or command; undefined where the peer is gone. Of a message with several
   * parts the last counts; one that is too long has no body.
   */
  async read(): Promise<ZmtpItem | undefined> {
    const { bytes } = this.#wire;
    if (await bytes.atEnd()) return undefined;
    for (let part = 0; part < MAX_PARTS; part++) {
      const frame = await this.#wire.readFrame();
      if (frame.flags & FLAG.command) return parseCommand(frame.body);
      if (!(frame.flags & FLAG.more)) return { kind: "message", body: frame.body };
    }
    throw new TransportError("limit", `Cannot read a message: more than ${MAX_PARTS} parts`);
  }

  /** Sends a message of one part. */
  writeMessage(body: Uint8Array): Promise<void> {
    return this.#wire.write(frame(0, body));
  }

  /** Sends a command. */
  writeCommand(name: string, body: Uint8Array): Promise<void> {
    return this.#wire.write(frame(FLAG.command, command(name, body)));
  }

  /** Says that nothing more will be sent; the peer hangs up when it has read what was. */
  end(): Promise<void> {
    return this.#wire.end();
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#wire.close();
  }
}

/** What a handshake needs. */
export interface ZmtpOptions {
  readonly type: SocketType;
  /** Messages that may be in flight to or from the peer. */
  readonly credits: number;
  /** The longest message to read, in bytes. */
  readonly maxMessage: number;
  /** Ends the connection. */
  readonly signal: AbortSignal;
  /** Called when bytes came; what it throws ends the connection. */
  heard?(): void;
}

/**
 * Shakes hands over a fresh connection.
 *
 * @throws {TransportError} `format` where the peer speaks something else, `refused` where its
 * socket does not fit ours.
 */
export async function zmtpHandshake(
  conn: Conn,
  { type, credits, maxMessage, signal, heard }: ZmtpOptions,
): Promise<ZmtpConnection> {
  const wire = new ZmtpWire(conn, maxMessage, heard);
  const close = () => wire.close();
  const timer = setTimeout(close, HANDSHAKE_TIMEOUT);
  const closing = onAbort(signal, close);
  onAbort(wire.signal, () => closing[Symbol.dispose]());
  try {
    signal.throwIfAborted();
    await wire.write(greeting());
    const minor = parseGreeting(await wire.bytes.view(GREETING_SIZE));
    const about = [...property("Socket-Type", type), ...property(CREDITS, String(credits))];
    await wire.write(frame(FLAG.command, command("READY", new Uint8Array(about))));
    const peer = parseReady(await wire.readFrame());
    checkPartner(type, peer.get("socket-type") ?? "");
    const theirs = Number(peer.get(CREDITS.toLowerCase()));
    wire.trust();
    const isCount = Number.isSafeInteger(theirs) && theirs >= 1;
    return new ZmtpConnection(wire, minor, isCount ? theirs : undefined);
  } catch (error) {
    wire.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Frames over a connection. */
class ZmtpWire {
  readonly bytes: BufferedReader;
  readonly #conn: Conn;
  readonly #maxMessage: number;
  readonly #abort = new AbortController();
  heard = 0;
  #isStranger = true;
  #tail: Promise<void> = Promise.resolve();

  constructor(conn: Conn, maxMessage: number, heard?: () => void) {
    this.#conn = conn;
    this.#maxMessage = maxMessage;
    if ("setNoDelay" in conn) {
      const tcp = conn as Deno.TcpConn;
      tcp.setNoDelay(true);
      // The last resort for peers that need not answer while their queue is full.
      tcp.setKeepAlive(true);
    }
    const read = async (into: Uint8Array) => {
      const count = await conn.read(into);
      this.heard++;
      heard?.();
      return count;
    };
    this.bytes = new BufferedReader({ read }, "on", MAX_STRANGER);
  }

  /** The peer is known from now on: it may send messages. */
  trust(): void {
    this.#isStranger = false;
    this.bytes.widen();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#tail.then(() => writeAll(this.#conn, bytes));
    this.#tail = written.catch(() => {});
    return written;
  }

  async end(): Promise<void> {
    await this.#tail;
    await this.#conn.closeWrite();
  }

  async readFrame(): Promise<{ flags: number; body: Uint8Array | undefined }> {
    const flags = (await this.bytes.view(1))[0]!;
    if (flags & ~(FLAG.more | FLAG.long | FLAG.command)) {
      throw new TransportError("format", `Cannot read a frame: unknown flags ${flags}`);
    }
    const length = flags & FLAG.long
      ? Number(viewOf(await this.bytes.view(8)).getBigUint64(0))
      : (await this.bytes.view(1))[0]!;
    if (this.#isStranger && (!(flags & FLAG.command) || length > MAX_STRANGER)) {
      throw new TransportError("format", "Cannot connect: the peer does not say READY");
    }
    if (length <= (flags & FLAG.command ? MAX_COMMAND : this.#maxMessage)) {
      return { flags, body: await this.bytes.body(length) };
    }
    if (flags & FLAG.command || !Number.isSafeInteger(length)) {
      throw new TransportError("limit", `Cannot read a frame: ${length} bytes`);
    }
    await this.bytes.skip(length);
    return { flags, body: undefined };
  }

  close(): void {
    if (this.signal.aborted) return;
    this.#abort.abort();
    try {
      this.#conn.close();
    } catch {
      // Closed by the runtime already.
    }
  }
}

/** Signature, version 3.1, mechanism NULL, not a server. */
function greeting(): Uint8Array {
  const bytes = new Uint8Array(GREETING_SIZE);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes[11] = 1;
  bytes.set(new TextEncoder().encode("NULL"), 12);
  return bytes;
}

/** The peer's minor version. */
function parseGreeting(bytes: Uint8Array): number {
  const mechanism = new TextDecoder().decode(bytes.subarray(12, 32)).replace(/\0+$/, "");
  if (bytes[0] !== 0xff || bytes[9] !== 0x7f || bytes[10]! < 3 || mechanism !== "NULL") {
    throw new TransportError("format", "Cannot connect: the peer does not speak ZMTP 3 with NULL");
  }
  return bytes[11]!;
}

/** What the peer says of itself. */
function parseReady(
  { flags, body }: { flags: number; body: Uint8Array | undefined },
): Map<string, string> {
  const ready = flags & FLAG.command ? parseCommand(body) : undefined;
  if (ready?.name === "READY") return properties(ready.body);
  throw new TransportError("format", "Cannot connect: the peer does not say READY");
}

function checkPartner(type: SocketType, partner: string): void {
  if (PARTNERS[type].includes(partner)) return;
  throw new TransportError(
    "refused",
    `Cannot connect: the peer is ${partner}, ${type} needs ${PARTNERS[type].join(" or ")}`,
  );
}

function frame(flags: number, body: Uint8Array): Uint8Array {
  const long = body.length > 255;
  const header = long ? 9 : 2;
  const bytes = new Uint8Array(header + body.length);
  bytes[0] = flags | (long ? FLAG.long : 0);
  if (long) viewOf(bytes).setBigUint64(1, BigInt(body.length));
  else bytes[1] = body.length;
  bytes.set(body, header);
  return bytes;
}

function command(name: string, body: Uint8Array): Uint8Array {
  return new Uint8Array([name.length, ...new TextEncoder().encode(name), ...body]);
}

function parseCommand(frame: Uint8Array | undefined): ZmtpItem & { kind: "command" } {
  const nameLength = frame?.[0] ?? 0;
  if (!frame || frame.length < 1 + nameLength) {
    throw new TransportError("truncated", "Cannot read a command: its name is cut");
  }
  const name = new TextDecoder().decode(frame.subarray(1, 1 + nameLength));
  return { kind: "command", name, body: frame.subarray(1 + nameLength) };
}

function property(name: string, value: string): Uint8Array {
  const text = (s: string) => new TextEncoder().encode(s);
  return new Uint8Array([name.length, ...text(name), 0, 0, 0, value.length, ...text(value)]);
}

/** Properties by lower-case name. */
function properties(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 1 + bytes[at]!;
    if (nameEnd + 4 > bytes.length) throw new TransportError("truncated", "Cannot read READY");
    const valueEnd = nameEnd + 4 + viewOf(bytes).getUint32(nameEnd);
    if (valueEnd > bytes.length) throw new TransportError("truncated", "Cannot read READY");
    found.set(text(at + 1, nameEnd).toLowerCase(), text(nameEnd + 4, valueEnd));
    at = valueEnd;
  }
  return found;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
