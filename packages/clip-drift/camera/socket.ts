/**
 * A connection to a camera, plain or over TLS. A certificate is trusted if the system, or the file
 * in `DENO_CERT`, trusts it, if its fingerprint was given, or in any case if that is asked for.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { abortable, builtin, onAbort, writeAll } from "@vcs/transport/internal";
import { ClipDriftError } from "../errors.ts";
import { shownUrl } from "./auth.ts";

/** Which certificates of a camera to trust. */
export interface CertificateTrust {
  /** SHA-256 fingerprints of certificates to trust, whoever signed them. Default: none. */
  readonly tlsFingerprints?: readonly string[];
  /** Whether to trust any certificate. Default: false. */
  readonly insecure?: boolean;
}

/** An open connection. */
export interface Socket extends Disposable {
  /** Sends bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** The bytes that come, until the camera closes. */
  readonly bytes: AsyncGenerator<Uint8Array>;
}

const CHUNK = 1 << 16;

/** Host name and port of a URL. */
function addressOf({ hostname, port, protocol }: URL): { hostname: string; port: number } {
  const standard = protocol === "https:" ? 443 : 80;
  return { hostname: hostname.replace(/[[\]]/g, ""), port: Number(port || standard) };
}

/** The hexadecimal digits of a fingerprint; undefined if it is not one of SHA-256. */
export function fingerprintDigits(text: string): string | undefined {
  const digits = text.replace(/^sha-?256[:=]?/i, "").replace(/[:\s-]/g, "").toUpperCase();
  return /^[0-9A-F]{64}$/.test(digits) ? digits : undefined;
}

async function* readAll(
  connection: Deno.Conn,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const count = await abortable(connection.read(chunk), signal);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}

function denoSocket(connection: Deno.Conn, signal: AbortSignal): Socket {
  let isOpen = true;
  const close = () => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  const aborting = onAbort(signal, close);
  return {
    write: (bytes) => writeAll(connection, bytes),
    bytes: readAll(connection, signal),
    [Symbol.dispose]: () => (aborting[Symbol.dispose](), close()),
  };
}

/** A TLS connection whose certificate nobody has checked yet. */
async function unchecked(url: URL, signal: AbortSignal): Promise<TLSSocket> {
  const { hostname: host, port } = addressOf(url);
  const servername = builtin("node:net").isIP(host) ? {} : { servername: host };
  const socket = builtin("node:tls").connect({
    host,
    port,
    rejectUnauthorized: false,
    ...servername,
  });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve).on("error", reject);
  });
  try {
    await abortable(connected, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

async function* readChunks(socket: TLSSocket, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = socket[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await abortable(chunks.next(), signal);
    if (done) return;
    yield value;
  }
}

function nodeSocket(socket: TLSSocket, signal: AbortSignal): Socket {
  const close = () => void socket.destroy();
  const aborting = onAbort(signal, close);
  const write = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) =>
      socket.write(bytes, (error) => error ? reject(error) : resolve())
    );
  return {
    write,
    bytes: readChunks(socket, signal),
    [Symbol.dispose]: () => (aborting[Symbol.dispose](), close()),
  };
}

const fingerprintOf = (socket: TLSSocket) => socket.getPeerCertificate().fingerprint256;

/** The error of a certificate that is not trusted, with the fingerprint to trust it by. */
function untrusted(url: URL, fingerprint: string, cause?: unknown): ClipDriftError {
  return new ClipDriftError(
    "tls",
    `Cannot connect to ${shownUrl(url)}: its certificate is not trusted; if it is the camera's ` +
      `own, give --tls-fingerprint ${fingerprint}, else put the file of its authority into DENO_CERT`,
    { cause },
  );
}

/** A connection to a camera whose certificate was pinned, or does not matter. */
async function pinned(
  url: URL,
  { tlsFingerprints = [], insecure = false }: CertificateTrust,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await unchecked(url, signal);
  const fingerprint = fingerprintOf(socket);
  const isKnown = tlsFingerprints.some((text) =>
    fingerprintDigits(text) === fingerprintDigits(fingerprint)
  );
  if (insecure || isKnown) return nodeSocket(socket, signal);
  socket.destroy();
  throw untrusted(url, fingerprint);
}

/** A connection to a camera whose certificate must be trusted by the system. */
async function verified(url: URL, signal: AbortSignal): Promise<Socket> {
  const connecting = (async () => {
    const connection = await Deno.connectTls(addressOf(url));
    try {
      await connection.handshake();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  })();
  try {
    return denoSocket(await abortable(connecting, signal), signal);
  } catch (error) {
    connecting.then((late) => late.close()).catch(() => {});
    signal.throwIfAborted();
    if (!(error instanceof Error && /certificate/i.test(error.message))) throw error;
    const socket = await unchecked(url, signal);
    const fingerprint = fingerprintOf(socket);
    socket.destroy();
    throw untrusted(url, fingerprint, error);
  }
}

/**
 * Connects to the host of a URL.
 *
 * @param signal closes the connection
 * @throws {ClipDriftError} `tls`, if the certificate is not trusted; other errors as they come
 */
export async function openSocket(
  url: URL,
  trust: CertificateTrust,
  signal: AbortSignal,
): Promise<Socket> {
  if (url.protocol !== "https:") {
    return denoSocket(await Deno.connect({ ...addressOf(url), signal }), signal);
  }
  const isPinned = trust.insecure || (trust.tlsFingerprints?.length ?? 0) > 0;
  return await (isPinned ? pinned(url, trust, signal) : verified(url, signal));
}
