/**
 * Starts real brokers on loopback ports and folders of their own, for tests, benchmarks and the
 * trial of channels; inside this package. Each can be killed as a crash would, and started again
 * on the same port and data.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";
import { delimiter } from "node:path";
import { environment } from "../command/environment.ts";
import { formatKafka, KAFKA_PORTS, kafkaArgs, kafkaLibraries } from "./kafka.ts";
import { sharedCache } from "../fetch/cache_folder.ts";
import { freePort } from "../site/free_port.ts";

/** A broker that runs. */
export interface Broker extends AsyncDisposable {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Variables by which its own programs find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it without warning. */
  kill(): Promise<void>;
  /** Stops it where it is, and lets it go on; on Linux. */
  signal(name: "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Starts it again on what it had on disk. */
  start(): Promise<void>;
}

/** The brokers that can be started. */
export type BrokerName = "redis" | "rabbitmq" | "nats" | "kafka";

/** Files of a broker that speaks TLS; clients have to show a certificate of the same authority. */
export interface BrokerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How a broker is started, where not as usual. */
export interface BrokerOptions {
  /** It speaks TLS. */
  readonly tls?: BrokerTls;
  /** Its program, as another version. */
  readonly program?: string;
  /** Arguments that stand before the usual ones, asked for at each start. */
  more?(folder: string): Promise<readonly string[]>;
  /** Variables of its environment beside the usual ones, and instead of these. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What it takes to run a broker. */
interface Recipe {
  /** Where the program may be; the first that exists is used. */
  readonly programs: readonly string[];
  args(port: number, folder: string, tls?: BrokerTls): string[];
  /** Whether all that the program needs is there. Default: it is. */
  has?(): boolean;
  /** How many ports it has, one after the other. Default: 1. */
  readonly ports?: number;
  env?(port: number, folder: string, tls?: BrokerTls): Promise<Record<string, string>>;
  /** Whether a connection is answered as by a broker that is ready. */
  ready(conn: Deno.Conn): Promise<boolean>;
  /** Whether it speaks first, before TLS begins. */
  readonly greets?: boolean;
  /** Ends the broker, in the shell; the process started is `$child`. */
  readonly kill: string;
}

/**
 * Runs a broker until we close its input, or are gone ourselves. The work is done by a child of
 * the shell, as the runtime kills the shell itself when it ends.
 */
const keeper = (kill: string) =>
  `exec 3<&0; ( "$0" "$@" 3<&- & child=$!; cat <&3 >/dev/null; ${kill} ) </dev/null & wait`;

/** Where tests install what `testing/peers.txt` lists. */
const newestNats = () => `${sharedCache(environment)}/vcs-peers/bin/nats-server`;

const RECIPES: Record<BrokerName, Recipe> = {
  redis: {
    programs: ["redis-server"],
    // Every write is on disk before it is answered: what is acknowledged survives a crash.
    args: (port, folder, tls) => [
      ...(tls ? ["--port", "0", "--tls-port", `${port}`] : ["--port", `${port}`]),
      ...(tls ? ["--tls-cert-file", tls.cert, "--tls-key-file", tls.key] : []),
      ...(tls ? ["--tls-ca-cert-file", tls.ca] : []),
      ...["--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--appendonly", "yes", "--appendfsync", "always"],
    ],
    ready: (conn) => answers(conn, "PING\r\n", "+PONG"),
    kill: "kill -9 $child; wait $child",
  },
  nats: {
    // Another version than that of the system can be tried; the Python index has the newest.
    get programs() {
      return [environment.get("VCS_NATS_SERVER") ?? newestNats(), "nats-server"];
    },
    greets: true,
    args: (port, folder, tls) => [
      ...["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder],
      ...(tls ? ["--tlsverify", "--tlscert", tls.cert, "--tlskey", tls.key] : []),
      ...(tls ? ["--tlscacert", tls.ca] : []),
    ],
    ready: (conn) => answers(conn, "", "INFO"),
    kill: "kill -9 $child; wait $child",
  },
  rabbitmq: {
    // The program on PATH of Debian's package changes the user; this one does not.
    programs: ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"],
    args: () => [],
    env: rabbitEnvironment,
    ready: (conn) => answers(conn, "AMQP\0\0\x09\x01", "\x01"),
    // The script started is a parent of the node, and the node has started its port mapper.
    kill: 'kill -9 $(cat "$RABBITMQ_PID_FILE"); wait $child; epmd -kill',
  },
  kafka: {
    programs: ["java"],
    has: () => kafkaLibraries() !== undefined,
    ports: 1 + Math.max(...Object.values(KAFKA_PORTS)),
    args: (_, folder) => kafkaArgs(folder),
    env: async (port, folder, tls) => {
      await formatKafka(port, folder, tls);
      return {};
    },
    // Which versions of commands it has: asked before anything else.
    ready: (conn) => answers(conn, "\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff", "\0\0"),
    kill: "kill -9 $child; wait $child",
  },
};

const START_TIMEOUT = 600_000;

/** Whether the program of a broker is there. */
export function hasBroker(name: BrokerName): boolean {
  const { programs, has = () => true } = RECIPES[name];
  return findProgram(programs) !== undefined && has();
}

/**
 * Starts a broker.
 *
 * @throws {Error} where its program is missing or it does not get ready.
 */
export async function startBroker(
  name: BrokerName,
  options: BrokerOptions = {},
): Promise<Broker> {
  const recipe = RECIPES[name];
  const program = options.program ?? findProgram(recipe.programs);
  if (!program) {
    throw new Error(`Cannot start ${name}: the program ${recipe.programs.at(-1)} is not installed`);
  }
  const folder = await Deno.makeTempDir({ prefix: `vcs-${name}-` });
  const port = freePort(recipe.ports);
  const env = { ...await recipe.env?.(port, folder, options.tls), ...options.env };
  const broker = new RunningBroker(recipe, program, port, folder, env, options);
  try {
    await broker.start();
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
  return broker;
}

class RunningBroker implements Broker {
  readonly port: number;
  readonly #recipe: Recipe;
  readonly #program: string;
  readonly #folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #options: BrokerOptions;
  #shell: Deno.ChildProcess | undefined;

  constructor(
    recipe: Recipe,
    program: string,
    port: number,
    folder: string,
    env: Record<string, string>,
    options: BrokerOptions,
  ) {
    this.#options = options;
    this.port = port;
    this.#recipe = recipe;
    this.#program = program;
    this.#folder = folder;
    this.env = env;
  }

  async start(): Promise<void> {
    const { args, kill } = this.#recipe;
    const more = await this.#options.more?.(this.#folder) ?? [];
    const usual = args(this.port, this.#folder, this.#options.tls);
    this.#shell = new Deno.Command("sh", {
      args: ["-c", keeper(kill), this.#program, ...more, ...usual],
      env: this.env,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const deadline = performance.now() + START_TIMEOUT;
    while (!await this.#isReady()) {
      if (performance.now() > deadline) {
        throw new Error(`Cannot start ${this.#program}: it is not ready after ${START_TIMEOUT} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(): Promise<void> {
    const shell = this.#shell;
    if (!shell) return;
    this.#shell = undefined;
    await shell.stdin.close();
    await shell.status;
  }

  async signal(name: "SIGSTOP" | "SIGCONT"): Promise<void> {
    if (!this.#shell) return;
    for (const pid of await descendants(this.#shell.pid)) {
      try {
        Deno.kill(pid, name);
      } catch {
        // It has just ended.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGCONT");
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      using conn = await this.#connect();
      return await this.#recipe.ready(conn);
    } catch {
      return false;
    }
  }

  async #connect(): Promise<Deno.Conn> {
    const where = { hostname: "127.0.0.1", port: this.port };
    const { tls } = this.#options;
    if (!tls || this.#recipe.greets) return await Deno.connect(where);
    const { ca, cert, key } = tls;
    const [trusted, ...own] = await Promise.all([ca, cert, key].map((f) => Deno.readTextFile(f)));
    return await Deno.connectTls({ ...where, caCerts: [trusted!], cert: own[0]!, key: own[1]! });
  }
}

/** The processes below one, but for shells and what keeps them: `cat` ends the broker. */
async function descendants(pid: number): Promise<number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = (await Deno.readTextFile(path).catch(() => "")).split(" ").map(Number);
  const found: number[] = [];
  for (const child of children.filter((pid) => pid > 0)) {
    const name = (await Deno.readTextFile(`/proc/${child}/comm`).catch(() => "")).trim();
    if (name !== "sh" && name !== "cat") found.push(child);
    found.push(...await descendants(child));
  }
  return found;
}

/** Whether a connection answers a question with a known start. */
async function answers(conn: Deno.Conn, question: string, start: string): Promise<boolean> {
  const bytes = Uint8Array.from(question, (letter) => letter.charCodeAt(0));
  if (bytes.length > 0) await conn.write(bytes);
  const buffer = new Uint8Array(1024);
  const count = await conn.read(buffer) ?? 0;
  return String.fromCharCode(...buffer.subarray(0, count)).startsWith(start);
}

/** A node of its own: name, folders, ports and the port mapper that Erlang starts beside it. */
async function rabbitEnvironment(
  port: number,
  folder: string,
  tls?: BrokerTls,
): Promise<Record<string, string>> {
  await Deno.writeTextFile(`${folder}/plugins`, "[].\n");
  // The longest message is that of RabbitMQ 4, whichever version this is.
  const conf = ["loopback_users = none", "max_message_size = 16777216", ""];
  if (tls) {
    conf.push("listeners.tcp = none", `listeners.ssl.default = 127.0.0.1:${port}`);
    conf.push(`ssl_options.cacertfile = ${tls.ca}`, `ssl_options.certfile = ${tls.cert}`);
    conf.push(`ssl_options.keyfile = ${tls.key}`, "ssl_options.verify = verify_peer");
    conf.push("ssl_options.fail_if_no_peer_cert = true", "");
  }
  await Deno.writeTextFile(`${folder}/rabbitmq.conf`, conf.join("\n"));
  await Deno.writeTextFile(`${folder}/env.conf`, "");
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(freePort()),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: rabbitNode(port),
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    ...(tls ? {} : { RABBITMQ_NODE_PORT: String(port) }),
    RABBITMQ_DIST_PORT: String(freePort()),
    RABBITMQ_MNESIA_BASE: `${folder}/data`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_PID_FILE: `${folder}/pid`,
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
    RABBITMQ_CONF_ENV_FILE: `${folder}/env.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/plugins`,
    // Of what a new node would migrate its tables for our queues need this at most.
    RABBITMQ_FEATURE_FLAGS: "quorum_queue",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: RABBIT_ARGS,
  };
}

/** The name of the node of RabbitMQ on a port. */
function rabbitNode(port: number): string {
  return `vcs${port}@localhost`;
}

/** Two schedulers are plenty for a few messages, and start faster. */
const RABBIT_ARGS = "+S 2:2 +sbwt none";

/** Variables of a node that joins that of another port; with none, of one that others may join. */
export function rabbitMember(mapper: number, port?: number): Record<string, string> {
  const join = port === undefined ? "" : `-rabbit cluster_nodes {['${rabbitNode(port)}'],disc}`;
  return {
    // Members have one port mapper, which does not end while it knows any of them.
    ERL_EPMD_PORT: String(mapper),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${RABBIT_ARGS} -setcookie vcs ${join}`,
  };
}

function findProgram(programs: readonly string[]): string | undefined {
  const folders = (environment.get("PATH") ?? "").split(delimiter);
  return programs
    .flatMap((name) => name.includes("/") ? [name] : folders.map((folder) => `${folder}/${name}`))
    .find((path) => builtin("node:fs").existsSync(path));
}
