/**
 * BullMQ as we use it, over connections that find their server again.
 *
 * @module
 */
import { readAccess } from "../../channels/reach/access.ts";
import { redisAddress, refusedByRedis } from "../../channels/reach/redis_address.ts";
import type { RedisModule } from "../../channels/redis.ts";
import { hostAndPort, readSettings } from "../../channels/settings.ts";
import { UsageError } from "../../command/usage_error.ts";
import { withPassword } from "../../command/environment.ts";
import { TransportError } from "../../errors.ts";
import { settledWithin } from "../../flow/abort.ts";
import { JOB_QUEUE } from "../../parts/batch_parts.ts";
import { REDIS_CLIENT } from "../../parts/clients.ts";
import { lazyPart } from "../../parts/load.ts";
import type { BatchItem, BatchReceived } from "../record.ts";
import type { JobFile } from "./reports.ts";

/** What a job holds: what is left to do, and what earlier tries have made. */
export interface JobData {
  /** Items that have no record. */
  readonly items: readonly BatchItem[];
  /** Files with records of the others. */
  readonly files: readonly JobFile[];
  /** What they read of sources elsewhere. */
  readonly received?: BatchReceived;
}

/** What we use of a job of BullMQ. */
export interface Job {
  /** Its name, unique in the queue. */
  readonly id: string;
  readonly data: JobData;
  /** Tries that ended with a failure. */
  readonly attemptsMade: number;
  /** Tries that were begun. */
  readonly attemptsStarted: number;
  /** Workers that did not come back from it. */
  readonly stalledCounter: number;
  readonly opts: { readonly attempts?: number };
  updateData(data: JobData): Promise<void>;
  updateProgress(percent: number): Promise<void>;
  /** Gives it back, for others to begin with. */
  moveToWait(token: string): Promise<unknown>;
  remove(): Promise<void>;
}

/** A job to be added. */
export interface NewJob {
  readonly name: string;
  readonly data: JobData;
  readonly opts: object;
}

/** Jobs by their state. */
export type JobCounts = Readonly<
  Record<"waiting" | "active" | "delayed" | "completed" | "failed", number>
>;

/** What we use of a queue of BullMQ. */
export interface BullQueue {
  addBulk(jobs: readonly NewJob[]): Promise<unknown>;
  getJobCounts(...states: (keyof JobCounts)[]): Promise<JobCounts>;
  getFailed(start: number, end: number): Promise<(Job | undefined)[]>;
  getWorkersCount(): Promise<number>;
  /** Removes all jobs that wait. */
  drain(withDelayed: boolean): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

/** What makes the result of a job. */
export type Processor = (job: Job, token: string) => Promise<unknown>;

/** What we use of a worker of BullMQ. */
export interface BullWorker {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "lockRenewalFailed", listener: (ids: string[]) => void): unknown;
  on(event: "failed", listener: (job: Job | undefined, error: Error) => void): unknown;
  close(force?: boolean): Promise<void>;
}

/** What we use of BullMQ. */
interface BullModule {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly Worker: new (name: string, processor: Processor, options: object) => BullWorker;
  /** Says that a job was given back. */
  readonly WaitingError: new () => Error;
  /** Says that a job is not to be tried again. */
  readonly UnrecoverableError: new (message: string) => Error;
}

/** A client of ioredis that BullMQ works with. */
type Client = InstanceType<RedisModule["Redis"]> & {
  duplicate(options?: object): Client;
};

const loadBull = lazyPart<BullModule>(JOB_QUEUE);
const loadRedis = lazyPart<RedisModule>(REDIS_CLIENT);

/** Milliseconds that the end of a connection may take. */
const FAREWELL = 2000;

/** A queue that is open. */
export interface OpenQueue extends AsyncDisposable {
  readonly queue: BullQueue;
  /** Its connection. */
  readonly client: Client;
  readonly bull: BullModule;
  /** Milliseconds before a job is tried again, the first time. */
  readonly backoff: number;
  /** Begins to work on jobs. */
  work(processor: Processor, concurrency: number): BullWorker;
}

function placeOf(text: string) {
  const url = URL.parse(withPassword(text));
  if (url === null || !/^rediss?:$/.test(url.protocol)) {
    throw new UsageError("Cannot use --queue: expected redis://HOST:PORT or rediss://HOST:PORT");
  }
  return readSettings(url, (read) => ({
    url,
    access: readAccess(url, read, {}),
    name: read.text("name", "vcs-batch"),
    /** Milliseconds after which a job whose worker is silent is given to another. */
    claim: read.count("claim", 30_000, 100),
    backoff: read.count("backoff", 1000, 0),
  }));
}

/**
 * Opens a queue.
 *
 * @throws {UsageError} where the URL is none of Redis.
 * @throws {TransportError} `unreachable` or `refused`.
 */
export async function openQueue(text: string): Promise<OpenQueue> {
  const { claim, name, backoff, ...place } = placeOf(text);
  const [bull, client] = [await loadBull(), await connect(place)];
  const queue = new bull.Queue(name, { connection: client });
  queue.on("error", () => {});
  return {
    ...{ queue, client, bull, backoff },
    work: (processor, concurrency) =>
      new bull.Worker(name, processor, {
        ...{ connection: client, concurrency, lockDuration: claim, stalledInterval: claim },
        // How often a job may lose its worker is counted by us, who write down what becomes of it.
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        // Somebody asks often enough for jobs whose time has come.
        drainDelay: 1,
      }),
    async [Symbol.asyncDispose]() {
      await settledWithin(FAREWELL, queue.close());
      client.disconnect();
    },
  };
}

/** Connects; what is lost later is connected again, for ever. */
async function connect(
  { url, access }: Pick<ReturnType<typeof placeOf>, "url" | "access">,
): Promise<Client> {
  const { Redis } = await loadRedis();
  let isUp = false;
  let told: unknown;
  const client = guarded(
    new Redis({
      ...redisAddress(hostAndPort(url, 6379), access),
      db: Number(url.pathname.slice(1) || 0),
      lazyConnect: true,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => isUp ? Math.min(50 * times, 2000) : null,
    }) as Client,
  );
  client.on("error", (error) => told ??= error);
  try {
    await client.connect();
    // The client itself goes on with database 0 where there is none of this number.
    await client.call("SELECT", url.pathname.slice(1) || "0");
    isUp = true;
    return client;
  } catch (error) {
    client.disconnect();
    unreachable(told ?? error, url);
  }
}

function unreachable(error: unknown, url: URL): never {
  try {
    refusedByRedis(error, url);
  } catch (found) {
    if (found instanceof TransportError && found.code === "refused") throw found;
    const { message } = found as Error;
    throw new TransportError(
      "unreachable",
      `Cannot connect to Redis at ${url.host}: ${message || (found as { code?: string }).code}`,
      { cause: found },
    );
  }
}

/** The client listens to one error of its socket; a second would end the process. */
function guarded(client: Client): Client {
  client.on("error", () => {});
  client.on("connect", () => client.stream.on("error", () => {}));
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (options) => guarded(duplicate(options));
  return client;
}
