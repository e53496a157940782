/**
 * The `nats:` channel: a JetStream stream with work-queue retention, of which each message is
 * removed when it is acknowledged.
 *
 * A stream of `limit` messages refuses more (`discard: new`), so that the sender waits and tries
 * again; message ids let the server drop what is published twice within two minutes. The
 * receiver reports to the server that it works on what it holds, and returns what it did not
 * accept when it is closed.
 *
 * @module
 */
import { NATS_CLIENT } from "../../parts/clients.ts";
import { lazyPart } from "../../parts/load.ts";
import { ANSWER, type BrokerChannel, brokerChannel, FAREWELL } from "../broker_feed.ts";
import { TransportError } from "../../errors.ts";
import { onAbort, settledWithin } from "../../flow/abort.ts";
import type { Inbox } from "../inbox.ts";
import { defined } from "../../io/defined.ts";
import { newStreamId } from "../../message.ts";
import { NatsTransport } from "./connection.ts";
import { type Entry, messageKey } from "../outbox.ts";
import { readAccess, refuseUntrusted } from "../reach/access.ts";
import { type Server, Servers } from "../reach/servers.ts";
import type { Store } from "../store_pump.ts";
import type { Backlog, ChannelSettings } from "../types.ts";
import type { UrlSettings } from "../settings.ts";

/** What we use of a connection of NATS. */
interface NatsConnection {
  readonly info?: { readonly max_payload: number; readonly version: string } | undefined;
  isClosed(): boolean;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** What we use of a message of JetStream. */
interface NatsMessage {
  readonly data: Uint8Array;
  working(): void;
  nak(): void;
  ackAck(): Promise<boolean>;
}

/** What we use of the messages of one request. */
interface NatsBatch extends AsyncIterable<NatsMessage> {
  stop(): void;
}

/** What we use of a consumer of JetStream. */
interface NatsConsumer {
  fetch(options: { max_messages: number; expires: number }): Promise<NatsBatch>;
}

/** What we use of JetStream's manager. */
interface NatsManager {
  readonly streams: {
    add(config: { name: string } & StreamConfig): Promise<unknown>;
    update(name: string, config: StreamConfig): Promise<unknown>;
    info(name: string): Promise<{ state: { messages: number; first_ts: string } }>;
  };
  readonly consumers: {
    add(
      stream: string,
      config: { durable_name: string; ack_policy: "explicit"; ack_wait: number },
    ): Promise<unknown>;
    update(stream: string, consumer: string, config: { ack_wait: number }): Promise<unknown>;
    info(stream: string, consumer: string): Promise<{
      num_ack_pending: number;
      num_waiting: number;
    }>;
  };
}

/** The stream as we make it, in the words of JetStream's protocol. */
interface StreamConfig {
  readonly subjects: string[];
  readonly retention: "workqueue";
  readonly discard: "new";
  readonly storage: "file";
  readonly max_msgs: number;
  readonly max_age: number;
  readonly max_bytes: number;
  readonly duplicate_window: number;
  readonly num_replicas: number;
}

/** What we use of a client of JetStream. */
interface NatsClient {
  readonly consumers: { get(stream: string, consumer: string): Promise<NatsConsumer> };
  jetstreamManager(): Promise<NatsManager>;
  publish(subject: string, bytes: Uint8Array, options: { msgID: string }): Promise<unknown>;
}

/** What we use of `@nats-io/transport-node`. */
export interface NatsModule {
  /** Says how connections are made. */
  setTransportFactory(config: { factory: () => NatsTransport }): void;
  /** Proves to be a user by the text of a credentials file. */
  credsAuthenticator(creds: Uint8Array): unknown;
  /** Proves to be a user by the seed of a key. */
  nkeyAuthenticator(seed: Uint8Array): unknown;
  /** Connections. */
  readonly NatsConnectionImpl: {
    /** Opens one. */
    connect(options: object): Promise<NatsConnection>;
  };
}

/** What we use of `@nats-io/jetstream`. */
export interface JetStreamModule {
  /** A client over a connection. */
  jetstream(connection: NatsConnection, options: { timeout: number }): NatsClient;
}

const loadClient = lazyPart<NatsModule>(NATS_CLIENT);
const loadJetStream = lazyPart<JetStreamModule>(NATS_CLIENT, { module: "@nats-io/jetstream" });

/** The server's answer to a message that does not fit into the stream. */
const STREAM_FULL = 10077;
/** The server's answer where the stream exists with another configuration. */
const STREAM_EXISTS = 10058;
/** There is a consumer of that name with other settings: from 2.10 on it is not just taken. */
const CONSUMER_EXISTS = 10148;
/** The server's answer where nobody has received from the stream yet. */
const NO_CONSUMER = 10014;
/** Errors that trying again does not cure. */
const REFUSALS: ReadonlySet<string> = new Set([
  "AuthorizationError",
  "InvalidArgumentError",
  "InvalidNameError",
  "JetStreamNotEnabled",
  "PermissionViolationError",
]);
/** Codes of the server's answers that trying again does not cure. */
const REFUSED_CODES: ReadonlySet<number> = new Set([
  10039, // JetStream is not enabled for the account
  10052, // the stream cannot be as it was asked for
  10065, // its subject is another stream's
  10074, // copies, without a cluster
]);
/** The oldest server in which none was lost. */
const LEAST = [2, 15] as const;
/** How long the server remembers message ids. */
const REMEMBER_MS = 120_000;
/** The shortest time that a fetch may wait, by the client's rule. */
const FETCH_MS = 1000;
const NANOSECONDS = 1_000_000;
const encoder = new TextEncoder();

/** Both ends. */
export const nats: BrokerChannel = brokerChannel({ place, openStore, consume, look });

type Place = ReturnType<typeof place>;

function place(url: URL, read: UrlSettings, settings: ChannelSettings) {
  const { notice = () => {} } = settings;
  return {
    url,
    servers: new Servers(url, read, 4222),
    access: readAccess(url, read, settings),
    notice,
    stream: read.text("stream", "vcs"),
    /** Servers that keep each message. */
    copies: read.count("copies", 1),
    limit: read.count("limit", 3),
    /** Milliseconds after which the server drops a message that nobody accepted; 0 for never. */
    maxAge: read.count("maxage", 0, 100),
    /** Bytes that the stream holds; -1 for any. */
    maxBytes: read.count("maxbytes", -1),
    /** Milliseconds after which a message that nobody works on is given to another receiver. */
    wait: read.count("wait", 5000),
  };
}

/** A connection that does not reconnect by itself. */
async function dial(
  place: Place,
  { hostname, port }: Server,
): Promise<NatsConnection> {
  const { url, access, notice } = place;
  const { NatsConnectionImpl, setTransportFactory, ...client } = await loadClient();
  const { creds, nkey } = access;
  const authenticator = creds
    ? client.credsAuthenticator(encoder.encode(creds))
    : nkey && client.nkeyAuthenticator(encoder.encode(nkey));
  setTransportFactory({ factory: () => new NatsTransport(access.tls) });
  const connection = await NatsConnectionImpl.connect({
    servers: `${hostname}:${port}`,
    reconnect: false,
    timeout: ANSWER,
    // Finds a dead link while nothing is asked of the server.
    pingInterval: ANSWER / 2,
    ...defined({ user: access.user, pass: access.password, token: access.token }),
    ...(access.tls && { tls: {} }),
    ...(authenticator ? { authenticator } : {}),
  }).catch((error) => {
    if (access.tls && !REFUSALS.has(error.name)) refuseUntrusted(error.cause ?? error, url);
    refuse(error, place);
  });
  warnOfOldServers(connection, notice);
  return connection;
}

/** A connection and its client; creates the stream where it is missing. */
function connect(place: Place) {
  return place.servers.first((server) => connectTo(place, server));
}

async function connectTo(place: Place, server: Server) {
  const { stream, limit, maxAge, maxBytes, copies } = place;
  const { jetstream } = await loadJetStream();
  const connection = await dial(place, server);
  try {
    const client = jetstream(connection, { timeout: ANSWER });
    const manager = await client.jetstreamManager();
    const config: StreamConfig = {
      subjects: [stream],
      retention: "workqueue",
      discard: "new",
      storage: "file",
      max_msgs: limit,
      max_age: maxAge * NANOSECONDS,
      max_bytes: maxBytes,
      // The server remembers no id for longer than it keeps messages.
      duplicate_window: Math.min(REMEMBER_MS, maxAge || REMEMBER_MS) * NANOSECONDS,
      num_replicas: copies,
    };
    await manager.streams.add({ name: stream, ...config }).catch(async (error) => {
      if (error.code !== STREAM_EXISTS) throw error;
      await manager.streams.update(stream, config);
    });
    return { connection, client, manager };
  } catch (error) {
    await connection.close();
    refuse(error, place);
  }
}

async function look(place: Place): Promise<Backlog> {
  const { stream } = place;
  const { jetstream } = await loadJetStream();
  const connection = await place.servers.first((server) => dial(place, server));
  try {
    const manager = await jetstream(connection, { timeout: ANSWER }).jetstreamManager();
    const { messages, first_ts: first } = (await manager.streams.info(stream)).state;
    const consumer = await manager.consumers.info(stream, stream).catch((error) => {
      if (error.code !== NO_CONSUMER) throw error;
      return { num_ack_pending: 0, num_waiting: 0 };
    });
    const inFlight = consumer.num_ack_pending;
    return {
      messages,
      waiting: Math.max(0, messages - inFlight),
      inFlight,
      oldest: messages > 0 ? Math.max(0, Date.now() - Date.parse(first)) : undefined,
      // The server counts requests for messages; a receiver that has its hands full makes none.
      consumers: inFlight === 0 ? consumer.num_waiting : undefined,
    };
  } catch (error) {
    refuse(error, place);
  } finally {
    await connection.close();
  }
}

/** What is said of servers in which messages were lost. */
function warnOfOldServers({ info }: NatsConnection, notice: (line: string) => void): void {
  const [major = 0, minor = 0] = (info?.version ?? "").split(".").map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return;
  notice(
    `NATS server ${info?.version} is older than ${LEAST.join(".")}: 2.9.10 lost one or two ` +
      `acknowledged messages in 5 of 59 runs in which it was killed, 2.15.1 in none of 26`,
  );
}

/** What the server, or the client for it, refuses is refused again, however often it is asked. */
function refuse(error: unknown, { stream, servers }: Place, isOpen = false): never {
  const { name, message, code, cause } = error as Error & { code?: number; cause?: Error };
  // A request that fails for the want of a right has that for its cause.
  const isRefusal = REFUSALS.has(name) || REFUSALS.has(cause?.name ?? "");
  // So the client calls a stream that was just deleted, and a server that has just come back.
  const isLate = [name, cause?.name].includes("JetStreamNotEnabled");
  if (isLate && (isOpen || servers.count > 1)) throw error;
  if (!isRefusal && !REFUSED_CODES.has(Number(code))) throw error;
  const text = `Cannot use stream ${stream}: the NATS server refuses: ${message}`;
  throw new TransportError("refused", text, { cause: error });
}

async function openStore(place: Place): Promise<Store> {
  const { connection, client } = await connect(place);
  const run = newStreamId();
  return {
    async store(entry: Entry) {
      try {
        await client.publish(place.stream, entry.bytes, { msgID: messageKey(entry, run) });
        return true;
      } catch (error) {
        if ((error as { code?: number }).code === STREAM_FULL) return false;
        if (!String(error).includes("max_payload")) refuse(error, place, true);
        throw new TransportError(
          "limit",
          `Cannot publish a message: it has ${entry.bytes.length} bytes, the server takes ` +
            `${connection.info?.max_payload} with the message's id`,
          { cause: error },
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await connection.close().catch(() => {});
    },
  };
}

/** Creates the consumer where it is missing; one that is there waits as long as this end says. */
async function addConsumer({ consumers }: NatsManager, { stream, wait }: Place): Promise<void> {
  const ack_wait = wait * NANOSECONDS;
  await consumers.add(stream, { durable_name: stream, ack_policy: "explicit", ack_wait })
    .catch(async (error) => {
      if (error.code !== CONSUMER_EXISTS) throw error;
      await consumers.update(stream, stream, { ack_wait });
    });
}

/** Consumes over one connection until it is lost or the signal is aborted. */
async function consume(
  place: Place,
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
): Promise<void> {
  const { connection, client, manager } = await connect(place);
  const held = new Set<NatsMessage>();
  const pulse = setInterval(() => held.forEach((message) => message.working()), place.wait / 3);
  try {
    await addConsumer(manager, place);
    const consumer = await client.consumers.get(place.stream, place.stream);
    connected();
    while (!signal.aborted && !connection.isClosed()) {
      await inbox.room(place.limit, signal);
      await fetch(consumer, place.limit - inbox.held, inbox, held, signal);
    }
  } catch (error) {
    refuse(error, place, true);
  } finally {
    clearInterval(pulse);
    for (const message of held) message.nak();
    // The client does not end a flush whose answer cannot come any more.
    await settledWithin(FAREWELL, connection.flush());
    await connection.close().catch(() => {});
  }
}

async function fetch(
  consumer: NatsConsumer,
  count: number,
  inbox: Inbox,
  held: Set<NatsMessage>,
  signal: AbortSignal,
): Promise<void> {
  const batch = await consumer.fetch({ max_messages: count, expires: FETCH_MS });
  using _ = onAbort(signal, () => batch.stop());
  for await (const message of batch) {
    held.add(message);
    const accept = async () => {
      held.delete(message);
      // Where this fails the message comes again, and is known by its sequence.
      await message.ackAck().catch(() => {});
    };
    // A copy: the client's bytes are a piece of a larger buffer, and not aligned.
    if (!inbox.offer(new Uint8Array(message.data), accept)) await accept();
  }
}
