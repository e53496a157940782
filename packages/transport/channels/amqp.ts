/**
 * The `amqp:` channel: a durable queue of RabbitMQ (AMQP 0-9-1) with publisher confirms.
 *
 * The sender asks how many messages no receiver holds, and waits while there are `limit`, which makes
 * `limit` plus each receiver's prefetch of `limit` the bound. A classic queue has no `x-max-length` of
 * its own: RabbitMQ applies that before `x-overflow` when it starts, and drops the oldest messages
 * where more wait because a receiver is gone that held some. A quorum queue refuses what does not fit.
 * Messages are persistent: a confirm means that the broker has them on disk.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { AMQP_CLIENT } from "../parts/clients.ts";
import { lazyPart } from "../parts/load.ts";
import { ANSWER, answered, type BrokerChannel, brokerChannel, FAREWELL } from "./broker_feed.ts";
import { TransportError } from "../errors.ts";
import { ignoreAbort, onAbort, settledWithin } from "../flow/abort.ts";
import { systemClock } from "../flow/clock.ts";
import type { Inbox } from "./inbox.ts";
import { newStreamId } from "../message.ts";
import { type Entry, messageKey } from "./outbox.ts";
import { nodeTls, readAccess, refuseUntrusted } from "./reach/access.ts";
import { type Server, Servers } from "./reach/servers.ts";
import type { Store } from "./store_pump.ts";
import type { Backlog, ChannelSettings } from "./types.ts";
import type { UrlSettings } from "./settings.ts";

/** What we use of a message that was consumed. */
interface AmqpMessage {
  readonly content: Uint8Array;
}

/** What we use of a channel of amqplib. */
interface AmqpChannel {
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "return", listener: () => void): this;
  once(event: "close", listener: () => void): this;
  assertQueue(name: string, options: object): Promise<unknown>;
  checkQueue(name: string): Promise<{ messageCount: number; consumerCount: number }>;
  prefetch(count: number): Promise<unknown>;
  consume(queue: string, onMessage: (message: AmqpMessage | null) => void): Promise<unknown>;
  ack(message: AmqpMessage): void;
  close(): Promise<void>;
}

/** What we use of a channel of amqplib whose messages are confirmed. */
interface AmqpConfirmChannel extends AmqpChannel {
  sendToQueue(
    queue: string,
    content: Buffer,
    options: object,
    done: (error: Error | null) => void,
  ): boolean;
}

/** What we use of a connection of amqplib. */
interface AmqpConnection {
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "blocked", listener: (reason: string) => void): this;
  once(event: "close", listener: (error: Error) => void): this;
  off(event: "close", listener: (error: Error) => void): this;
  close(): Promise<void>;
  createChannel(): Promise<AmqpChannel>;
  createConfirmChannel(): Promise<AmqpConfirmChannel>;
}

/** Where amqplib keeps what its types do not tell of a connection. */
interface AmqpInside {
  readonly connection: {
    readonly stream: { destroy(error: Error): void };
    readonly serverProperties: { readonly version?: string };
  };
}

/** What we use of amqplib. */
export interface AmqpModule {
  /** Opens a connection. */
  connect(options: object, socket: object): Promise<AmqpConnection>;
}

const loadClient = lazyPart<AmqpModule>(AMQP_CLIENT);

/** Milliseconds between two looks at a queue that is said to be full, or from which nothing comes. */
const LOOK = 1000;

/** Seconds between two heartbeats of the connection: a dead link is found after two. */
const HEARTBEAT = 5;

/** Both ends. */
export const amqp: BrokerChannel = brokerChannel({ place, openStore, consume, look });

type Place = ReturnType<typeof place>;

function place(url: URL, read: UrlSettings, settings: ChannelSettings) {
  const { notice = () => {} } = settings;
  const access = readAccess(url, read, settings);
  return {
    ...{ url, access, notice },
    servers: new Servers(url, read, access.tls ? 5671 : 5672),
    queue: read.text("queue", "vcs"),
    /** Servers that keep each message: with more than one it is a quorum queue. */
    copies: read.count("copies", 1),
    limit: read.count("limit", 3),
    /** Milliseconds after which a message that no receiver has expires; 0 for never. */
    maxAge: read.count("maxage", 0, 100),
    /** Bytes of the messages that no receiver has; 0 for any. */
    maxBytes: read.count("maxbytes", 0),
  };
}

function connect(place: Place): Promise<AmqpConnection> {
  return place.servers.first((server) => connectTo(place, server));
}

async function connectTo(
  { url, access, notice }: Place,
  server: Server,
): Promise<AmqpConnection> {
  const amqp = await loadClient();
  const { tls } = access;
  const options = {
    protocol: tls ? "amqps" : "amqp",
    ...server,
    username: access.user ?? "guest",
    password: access.password ?? access.token ?? "guest",
    vhost: decodeURIComponent(url.pathname.slice(1)) || "/",
    heartbeat: HEARTBEAT,
  };
  // Without noDelay each confirm waits 40 ms for a delayed acknowledgement of TCP.
  const socket = { timeout: ANSWER, noDelay: true, servername: options.hostname };
  const ask = () => amqp.connect(options, { ...socket, ...(tls && nodeTls(tls)) });
  const askAgain = async (error: unknown) => {
    if (!String(error).includes(UNSAID)) throw error;
    await systemClock.sleep(AGAIN);
    return await ask();
  };
  const connection = await ask().catch(askAgain).catch((error) => {
    if (tls && !REFUSAL.test(String(error))) refuseUntrusted(error, url);
    refuse(error, `vhost ${options.vhost}`);
  });
  // Errors show as failing calls and as `close`.
  connection.on("error", () => {});
  connection.on("blocked", (reason) => notice(`RabbitMQ takes no messages for now: ${reason}`));
  return connection;
}

/** What the client makes of a refused vhost: it does not hand on RabbitMQ's words. */
const UNSAID = "Expected ConnectionOpenOk; got <ConnectionClose";

/** Milliseconds after which it is asked for again: a broker that starts or stops answers so, too. */
const AGAIN = 1000;

/** How RabbitMQ says no. */
const REFUSAL = new RegExp(`ACCESS.REFUSED|NOT.ALLOWED|${UNSAID}`);

/** What the broker refuses is refused again, however often it is asked. */
function refuse(error: unknown, what: string): never {
  const isTold = error instanceof TransportError || !REFUSAL.test(String(error));
  throw isTold ? error : refused(error, what);
}

function refused(error: unknown, what: string): TransportError {
  const { message } = error as Error;
  const words = message.includes(UNSAID) ? "it is not there, or not for this user" : message;
  const text = `Cannot use ${what}: RabbitMQ refuses: ${words}`;
  return new TransportError("refused", text, { cause: error });
}

/** Closes a connection; one that is dead is closed all the same. */
async function hangUp(connection: AmqpConnection, channel?: AmqpChannel): Promise<void> {
  // The connection's farewell would overtake acknowledgements that the client is about to write.
  if (channel) await settledWithin(FAREWELL, Promise.try(() => channel.close()));
  await settledWithin(FAREWELL, Promise.try(() => connection.close()));
  inside(connection).stream.destroy(new Error("Connection closed"));
}

function inside(connection: AmqpConnection): AmqpInside["connection"] {
  return (connection as unknown as AmqpInside).connection;
}

/** Arguments of a queue that several servers keep. */
function quorum(copies: number, version = "0"): object {
  return {
    ...{ "x-queue-type": "quorum", "x-quorum-initial-group-size": copies },
    // From 4 on one drops what has come back twenty times; none did before.
    ...(parseInt(version) >= 4 && { "x-delivery-limit": -1 }),
  };
}

/** Makes the queue where it is missing. */
async function declare(
  connection: AmqpConnection,
  channel: AmqpChannel,
  { queue, limit, maxAge, maxBytes, copies }: Place,
): Promise<void> {
  channel.on("error", () => {});
  try {
    const declared = channel.assertQueue(queue, {
      durable: true,
      arguments: {
        ...(copies > 1 && { "x-max-length": limit }),
        ...((copies > 1 || maxBytes > 0) && { "x-overflow": "reject-publish" }),
        ...(maxAge > 0 && { "x-message-ttl": maxAge }),
        ...(maxBytes > 0 && { "x-max-length-bytes": maxBytes }),
        ...(copies > 1 && quorum(copies, inside(connection).serverProperties.version)),
      },
    });
    await answered("queue.declare", declared);
  } catch (error) {
    if (!String(error).includes("PRECONDITION")) refuse(error, `queue ${queue}`);
    throw new TransportError(
      "broker",
      `Cannot use queue ${queue}: it exists with other properties than ` +
        `a limit of ${limit}, maxage ${maxAge}, maxbytes ${maxBytes} and copies ${copies}`,
      { cause: error },
    );
  }
}

async function openStore(place: Place): Promise<Store> {
  const connection = await connect(place);
  const close = () => hangUp(connection);
  try {
    const channel = await answered("channel.open", connection.createConfirmChannel());
    await declare(connection, channel, place);
    const run = newStreamId();
    // Why the server closed the channel, reported before the messages in flight fail.
    let refusal: Error | undefined;
    channel.on("error", (error: Error) => refusal = error);
    // What finds no queue comes back, and is confirmed all the same.
    channel.on("return", () => refusal = new Error(`queue ${place.queue} is gone`));
    const send = (entry: Entry) =>
      new Promise<boolean>((resolve, reject) => {
        const messageId = messageKey(entry, run);
        const properties = { persistent: true, mandatory: true, messageId };
        connection.once("close", reject);
        channel.sendToQueue(place.queue, Buffer.from(entry.bytes), properties, (error) => {
          connection.off("close", reject);
          if (!error && !refusal) resolve(true);
          else if (String(error).includes("message nacked")) resolve(false);
          else reject(told(refusal, place) ?? refusal ?? error);
        });
      });
    const stuck = stuckCheck(channel, place);
    const room = roomCheck(channel, place);
    const store = async (entry: Entry) => await room() && (await send(entry) || await stuck());
    return { store, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * To be called before each message: whether the queue has room for it. Asked again only where what had
 * room was sent; a quorum queue refuses by itself.
 */
function roomCheck(channel: AmqpChannel, { queue, limit, copies }: Place): () => Promise<boolean> {
  let left = 0;
  return async () => {
    if (copies > 1) return true;
    if (left === 0) {
      const { messageCount } = await answered("queue.declare", channel.checkQueue(queue));
      left = Math.max(0, limit - messageCount);
    }
    return left > 0 && left-- > 0;
  };
}

/**
 * To be called where a message was refused because the queue is full: throws where it is empty. So
 * RabbitMQ 3.10 does on a channel that was opened while a quorum queue chose another leader.
 */
function stuckCheck(channel: AmqpChannel, { queue, copies }: Place): () => Promise<false> {
  let lookedAt = performance.now();
  let wasEmpty = false;
  return async () => {
    if (copies === 1 || performance.now() - lookedAt < LOOK) return false;
    lookedAt = performance.now();
    const { messageCount } = await answered("queue.declare", channel.checkQueue(queue));
    if (wasEmpty && messageCount === 0) throw new Error(`queue ${queue} is empty, and refuses`);
    wasEmpty = messageCount === 0;
    return false;
  };
}

/** What the protocol tells; messages that a receiver has are known to the broker's management only. */
async function look(place: Place): Promise<Backlog> {
  const connection = await connect(place);
  try {
    const channel = await answered("channel.open", connection.createChannel());
    channel.on("error", () => {});
    const found = await answered("queue.declare", channel.checkQueue(place.queue));
    const { messageCount: waiting, consumerCount: consumers } = found;
    return { messages: undefined, waiting, inFlight: undefined, oldest: undefined, consumers };
  } finally {
    await hangUp(connection);
  }
}

/** What the server says of a message it does not take, however often it is sent. */
function told(refusal: Error | undefined, { queue }: Place): TransportError | undefined {
  const { message = "" } = refusal ?? {};
  if (REFUSAL.test(message)) return refused(refusal, `queue ${queue}`);
  if (!message.includes("message size")) return undefined;
  return new TransportError("limit", `Cannot publish a message: ${message}`, { cause: refusal });
}

/** Consumes over one connection until it is lost or the signal is aborted. */
async function consume(
  place: Place,
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
): Promise<void> {
  const connection = await connect(place);
  const lost = new Promise<void>((resolve) => connection.once("close", () => resolve()));
  let opened: AmqpChannel | undefined;
  const close = () => void hangUp(connection, opened);
  const ended = new AbortController();
  using _ = onAbort(signal, close);
  try {
    const channel = await answered("channel.open", connection.createChannel());
    opened = channel;
    await declare(connection, channel, place);
    // The server may close the channel alone, as when a message is held for too long.
    channel.once("close", () => signal.aborted || close());
    await answered("basic.qos", channel.prefetch(place.limit));
    // Nothing comes when the queue was deleted: the connection is of no use then.
    const flow: Flow = { came: 0, held: 0 };
    const consuming = channel.consume(
      place.queue,
      (message) => message ? deliver(channel, inbox, message, flow) : close(),
    );
    await answered("basic.consume", consuming);
    connected();
    await Promise.race([lost, forgotten(channel, place, flow, ended.signal)]);
  } catch (error) {
    refuse(error, `queue ${place.queue}`);
  } finally {
    ended.abort();
    if (!signal.aborted) close();
  }
}

/** Messages of a connection: those that came, and those of them that are not accepted. */
interface Flow {
  came: number;
  held: number;
}

/**
 * Waits until the server has forgotten that it is consumed from: messages wait, we hold none, and none
 * comes. RabbitMQ 3.10 does not tell of a deleted quorum queue that was declared again at once.
 */
async function forgotten(
  channel: AmqpChannel,
  { queue }: Place,
  flow: Flow,
  signal: AbortSignal,
): Promise<void> {
  let waited = false;
  for (let came = 0; !signal.aborted; came = flow.came) {
    await systemClock.sleep(LOOK, signal).catch(ignoreAbort(signal));
    if (signal.aborted || flow.held > 0 || flow.came !== came) {
      waited = false;
      continue;
    }
    const { messageCount } = await answered("queue.declare", channel.checkQueue(queue));
    if (messageCount > 0 && waited && flow.held === 0 && flow.came === came) return;
    waited = messageCount > 0;
  }
}

function deliver(channel: AmqpChannel, inbox: Inbox, message: AmqpMessage, flow: Flow): void {
  flow.came++;
  flow.held++;
  const accept = () => {
    flow.held--;
    try {
      channel.ack(message);
    } catch {
      // The channel is gone: the message comes again, and is known by its sequence.
    }
  };
  if (!inbox.offer(new Uint8Array(message.content), accept)) accept();
}
