/**
 * The `redis:` channel: a stream with a consumer group.
 *
 * The sender appends only while fewer than `limit` messages are not delivered or not accepted
 * (the group's lag and pending entries), checked and done in one script, which first trims what
 * is older than `maxage`. The receiver
 * acknowledges (XACK) and deletes (XDEL) what was accepted, keeps what it holds from going idle,
 * and claims what others left idle for `claim` milliseconds (XAUTOCLAIM, Redis 6.2).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { REDIS_CLIENT } from "../parts/clients.ts";
import { lazyPart } from "../parts/load.ts";
import { ANSWER, type BrokerChannel, brokerChannel, FAREWELL } from "./broker_feed.ts";
import { TransportError } from "../errors.ts";
import { onAbort, settledWithin } from "../flow/abort.ts";
import { defined } from "../io/defined.ts";
import type { Inbox } from "./inbox.ts";
import { newStreamId } from "../message.ts";
import { type Entry, messageKey } from "./outbox.ts";
import { readAccess } from "./reach/access.ts";
import { redisAddress, refusedByRedis } from "./reach/redis_address.ts";
import { type Server, Servers } from "./reach/servers.ts";
import type { Store } from "./store_pump.ts";
import type { Backlog, ChannelSettings } from "./types.ts";
import type { UrlSettings } from "./settings.ts";

/** What we use of a connection of ioredis. */
export interface Redis {
  /** Where the connection is in its life. */
  readonly status: string;
  /** Opens it. */
  connect(): Promise<void>;
  /** Closes it. */
  disconnect(): void;
  /** Sends a command. */
  call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  /** Sends a command, and gives texts of the answer as bytes. */
  callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  /** Begins a transaction. */
  multi(): RedisTransaction;
  /** Its socket, once that is connected. */
  readonly stream: { on(event: "error", listener: () => void): unknown };
  /** Listens. */
  on(event: "error", listener: (error: Error) => void): this;
  /** Listens. */
  on(event: "connect", listener: () => void): this;
  /** Listens once. */
  once(event: "end", listener: () => void): this;
}

/** What we use of a transaction of ioredis. */
export interface RedisTransaction {
  /** Acknowledges an entry. */
  xack(stream: string, group: string, id: string): RedisTransaction;
  /** Deletes an entry. */
  xdel(stream: string, id: string): RedisTransaction;
  /** Runs what was collected. */
  exec(): Promise<unknown>;
}

/** What we use of ioredis. */
export interface RedisModule {
  /** A connection that is not open yet. */
  readonly Redis: new (options: object) => Redis;
}

const loadClient = lazyPart<RedisModule>(REDIS_CLIENT);

/** Appends a message, or answers nothing where the stream is full. */
const APPEND = `
local age = tonumber(ARGV[5])
if age > 0 then
  local now = redis.call('TIME')
  local oldest = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) - age)
  redis.call('XTRIM', KEYS[1], 'MINID', oldest)
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local waiting = redis.call('XLEN', KEYS[1])
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local field = {}
    for i = 1, #group, 2 do field[group[i]] = group[i + 1] end
    if field.name == ARGV[2] and field.lag then
      -- The lag counts what was trimmed, too.
      waiting = math.min(waiting, field.lag + field.pending)
    end
  end
  if waiting >= tonumber(ARGV[1]) then return false end
end
return redis.call('XADD', KEYS[1], '*', 'k', ARGV[3], 'm', ARGV[4])`;

/** Milliseconds that one read waits for messages. */
const BLOCK = 500;

/** Both ends. */
export const redis: BrokerChannel = brokerChannel({
  place,
  openStore,
  async consume(place, inbox, signal, connected) {
    await using session = new Consumer(place, inbox, await connect(place, 2));
    await session.run(signal, connected).catch((error) => refuse(error, place));
  },
  look,
});

type Place = ReturnType<typeof place>;

function place(url: URL, read: UrlSettings, settings: ChannelSettings) {
  /** The name of a master, where the servers are sentinels, which know where it is. */
  const sentinel = read.text("sentinel", "");
  const database = url.pathname.slice(1) || "0";
  if (!/^\d+$/.test(database)) {
    const found = `path /${database}, expected the number of a database`;
    throw new RangeError(`Cannot open ${url.protocol}: found ${found}`);
  }
  return {
    ...{ url, sentinel, database },
    servers: new Servers(url, read, sentinel ? 26379 : 6379),
    access: readAccess(url, read, settings),
    /** Servers that have each message when it counts as acknowledged. */
    copies: read.count("copies", 1),
    stream: read.text("stream", "vcs"),
    group: read.text("group", "vcs"),
    limit: read.count("limit", 3),
    /** Milliseconds after which a message that nobody accepted is trimmed; 0 for never. */
    maxAge: read.count("maxage", 0, 100),
    /** Milliseconds after which a message that nobody works on is given to another receiver. */
    claim: read.count("claim", 5000),
    /** The receiver's name in the group, over all its connections. */
    consumer: newStreamId(),
  };
}

async function openStore(place: Place): Promise<Store> {
  const { stream, group, limit, maxAge, copies } = place;
  const [redis] = await connect(place, 1);
  const run = newStreamId();
  return {
    async store(entry: Entry) {
      const key = messageKey(entry, run);
      const args = [stream, limit, group, key, Buffer.from(entry.bytes), maxAge];
      const reply = redis!.call("EVAL", APPEND, 1, ...args);
      if (await reply.catch((error) => refuse(error, place)) === null) return false;
      if (copies > 1) await replicated(redis!, copies);
      return true;
    },
    async [Symbol.asyncDispose]() {
      await hangUp(redis!);
    },
  };
}

/** Waits until so many servers have what was written; a message that is sent again comes twice. */
async function replicated(redis: Redis, copies: number): Promise<void> {
  const replicas = Number(await redis.call("WAIT", copies - 1, ANSWER / 2));
  if (replicas + 1 >= copies) return;
  throw new Error(`${replicas + 1} of ${copies} servers of Redis have the message`);
}

/** Connections that do not reconnect by themselves: their user opens new ones. */
async function connect(place: Place, count: number): Promise<Redis[]> {
  const { servers, sentinel } = place;
  if (sentinel) {
    const master = await servers.first((server) => masterOf(place, server));
    return await connectTo(place, master, count);
  }
  return await servers.first((server) => connectTo(place, server, count));
}

/** Asks a sentinel where the master is; one that asks for a password has the servers'. */
async function masterOf(place: Place, server: Server): Promise<Server> {
  const stranger = { ...place, access: defined({ tls: place.access.tls }) };
  const found = await askSentinel(stranger, server).catch((error) => {
    if (!String(error).includes("NOAUTH")) throw error;
    return askSentinel(place, server);
  });
  if (found) return found;
  const text = `Cannot connect to Redis: its sentinel knows no "${place.sentinel}"`;
  throw new TransportError("refused", text);
}

async function askSentinel(place: Place, server: Server): Promise<Server | undefined> {
  const [client] = await open(place, server, 1);
  try {
    const found = await client!.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", place.sentinel);
    const [hostname, port] = (found ?? []) as string[];
    return hostname === undefined ? undefined : { hostname, port: Number(port) };
  } catch (error) {
    refuse(error, place);
  } finally {
    await hangUp(client!);
  }
}

/** Connections to a server that takes messages: a replica does not. */
async function connectTo(place: Place, server: Server, count: number): Promise<Redis[]> {
  const clients = await open(place, server, count);
  try {
    // The client itself goes on with database 0 where this fails.
    await Promise.all(clients.map((client) => client.call("SELECT", place.database)));
    if (place.servers.count > 1 || place.sentinel) {
      const [role] = await clients[0]!.call("ROLE") as string[];
      if (role !== "master") throw new Error(`${server.hostname}:${server.port} is a ${role}`);
    }
    return clients;
  } catch (error) {
    await Promise.all(clients.map(hangUp));
    refuse(error, place);
  }
}

async function open(place: Place, server: Server, count: number): Promise<Redis[]> {
  const { Redis } = await loadClient();
  let told: unknown;
  const clients = Array.from({ length: count }, () =>
    new Redis({
      ...redisAddress(server, place.access),
      // Shapes of replies that every server knows.
      protocol: 2,
      lazyConnect: true,
      enableOfflineQueue: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      connectTimeout: ANSWER,
      commandTimeout: ANSWER,
      disconnectTimeout: FAREWELL / 2,
    }).on("error", (error) => told ??= error));
  // The client listens to one error of its socket; a second would end the process.
  for (const client of clients) client.on("connect", () => client.stream.on("error", () => {}));
  try {
    await Promise.all(clients.map((client) => client.connect()));
    return clients;
  } catch (error) {
    await Promise.all(clients.map(hangUp));
    refuse(told ?? error, place);
  }
}

/** What the server refuses is refused again, however often it is asked. */
function refuse(error: unknown, { url, stream }: Pick<Place, "url" | "stream">): never {
  if (String(error).includes("WRONGTYPE")) {
    const text = `Cannot use ${stream}: the key does not hold a stream`;
    throw new TransportError("broker", text, { cause: error });
  }
  refusedByRedis(error, url);
}

/** Closes a connection and waits until it is closed; one that is dead is closed all the same. */
async function hangUp(redis: Redis): Promise<void> {
  if (redis.status === "end" || redis.status === "wait") return;
  const gone = new Promise<void>((resolve) => redis.once("end", resolve));
  redis.disconnect();
  await settledWithin(FAREWELL, gone);
}

async function look(place: Place): Promise<Backlog> {
  const { stream, group, claim } = place;
  const [redis] = await connect(place, 1);
  const ask = (...words: string[]) =>
    redis!.call(words[0]!, ...words.slice(1)).catch((error) => refuse(error, place));
  try {
    const messages = Number(fields(await ask("XINFO", "STREAM", stream)).get("length"));
    const groups = (await ask("XINFO", "GROUPS", stream) as unknown[]).map(fields);
    const ours = groups.find((found) => found.get("name") === group);
    const inFlight = Number(ours?.get("pending") ?? 0);
    const consumers = ours ? await ask("XINFO", "CONSUMERS", stream, group) as unknown[] : [];
    const heard = consumers.filter((reply) => Number(fields(reply).get("idle")) < claim);
    const [first] = await ask("XRANGE", stream, "-", "+", "COUNT", "1") as [string][];
    const [seconds] = await ask("TIME") as string[];
    return {
      messages,
      // Servers before 7, and those that lost count, tell of no lag.
      waiting: Math.min(messages, Number(ours?.get("lag") ?? Math.max(0, messages - inFlight))),
      inFlight,
      oldest: first && Math.max(0, Number(seconds) * 1000 - parseInt(first[0])),
      consumers: heard.length,
    };
  } finally {
    await hangUp(redis!);
  }
}

/** A reply that names its values: [name, value, name, value, …]. */
function fields(reply: unknown): Map<unknown, unknown> {
  const list = reply as unknown[];
  return new Map(list.flatMap((name, i) => i % 2 === 0 ? [[name, list[i + 1]] as const] : []));
}

/** One connected consumer of the group. */
class Consumer implements AsyncDisposable {
  readonly #place: Place;
  readonly #inbox: Inbox;
  /** One connection waits for messages, the other does the rest. */
  readonly #waiting: Redis;
  readonly #redis: Redis;
  readonly #held = new Set<string>();
  #lookedAt = -Infinity;

  constructor(place: Place, inbox: Inbox, [waiting, redis]: Redis[]) {
    this.#place = place;
    this.#inbox = inbox;
    this.#waiting = waiting!;
    this.#redis = redis!;
  }

  /** Reads until stopped; errors of the connection end it. */
  async run(signal: AbortSignal, connected: () => void): Promise<void> {
    using _ = onAbort(signal, () => void hangUp(this.#waiting));
    const pulse = setInterval(() => this.#keep().catch(() => {}), this.#place.claim / 3);
    try {
      await this.#makeGroup();
      connected();
      // It may have been aborted while we connected.
      while (!signal.aborted) {
        await this.#inbox.room(this.#place.limit, signal);
        await this.#takeLeftBehind();
        await this.#read();
      }
    } finally {
      clearInterval(pulse);
    }
  }

  /** Returns what was not accepted: it counts as idle at once, for others to claim. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { stream, group } = this.#place;
    const ids = [...this.#held];
    if (ids.length > 0 && this.#redis.status === "ready") {
      const idle = ["IDLE", 1e9, "JUSTID"];
      const claim = this.#redis.call(
        "XCLAIM",
        stream,
        group,
        this.#place.consumer,
        0,
        ...ids,
        ...idle,
      );
      await settledWithin(FAREWELL, claim);
    }
    await Promise.all([hangUp(this.#waiting), hangUp(this.#redis)]);
  }

  async #makeGroup(): Promise<void> {
    const { stream, group } = this.#place;
    try {
      await this.#redis.call("XGROUP", "CREATE", stream, group, "0", "MKSTREAM");
    } catch (error) {
      if (!String(error).includes("BUSYGROUP")) throw error;
    }
  }

  async #read(): Promise<void> {
    const { stream, group, limit } = this.#place;
    const count = limit - this.#inbox.held;
    if (count <= 0) return;
    const from = ["GROUP", group, this.#place.consumer, "COUNT", count, "BLOCK", BLOCK, "STREAMS"];
    const reply = await this.#waiting.callBuffer("XREADGROUP", ...from, stream, ">");
    // One stream was requested: [[name, entries]], or nothing.
    const [[, entries] = []] = (reply ?? []) as [Buffer, RawEntry[]][];
    for (const entry of entries ?? []) await this.#deliver(entry);
  }

  /** Claims what dead receivers left behind, as often as something may have become idle. */
  async #takeLeftBehind(): Promise<void> {
    const { stream, group, limit, claim } = this.#place;
    if (performance.now() - this.#lookedAt < claim / 2) return;
    this.#lookedAt = performance.now();
    const count = ["COUNT", Math.max(1, limit - this.#inbox.held)];
    const args = [stream, group, this.#place.consumer, claim, "0", ...count];
    const reply = await this.#redis.callBuffer("XAUTOCLAIM", ...args);
    const [, entries] = reply as [Buffer, RawEntry[]];
    for (const entry of entries) await this.#deliver(entry);
  }

  async #deliver(entry: RawEntry): Promise<void> {
    const [id, fields] = entry;
    const name = id.toString();
    const body = fields?.find((_, i) => i % 2 === 1 && fields[i - 1]!.toString() === "m");
    this.#held.add(name);
    const accept = () => this.#accept(name);
    if (!body) this.#inbox.countCorrupt();
    if (!body || !this.#inbox.offer(new Uint8Array(body), accept)) await accept();
  }

  async #accept(id: string): Promise<void> {
    this.#held.delete(id);
    const { stream, group } = this.#place;
    // Where this fails the message comes again, and is known by its sequence.
    await this.#redis.multi().xack(stream, group, id).xdel(stream, id).exec().catch(() => {});
  }

  /** Keeps the entries that are held from counting as idle. */
  async #keep(): Promise<void> {
    if (this.#held.size === 0) return;
    const { stream, group } = this.#place;
    await this.#redis.call(
      "XCLAIM",
      stream,
      group,
      this.#place.consumer,
      0,
      ...this.#held,
      "JUSTID",
    );
  }
}

type RawEntry = [Buffer, Buffer[] | null];
