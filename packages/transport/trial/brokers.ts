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

/** A broker that runs. */
export interface Broker extends AsyncDisposable {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Ends it without warning. */
  kill(): Promise<void>;
  /** Starts it again on what it had on disk. */
  start(): Promise<void>;
}

/** The brokers that can be started. */
export type BrokerName = "redis" | "rabbitmq" | "nats";

/** What it takes to run a broker. */
interface Recipe {
  /** Where the program may be; the first that exists is used. */
  readonly programs: readonly string[];
  args(port: number, folder: string): string[];
  env?(port: number, folder: string): Promise<Record<string, string>>;
  /** Whether a connection is answered as by a broker that is ready. */
  ready(conn: Deno.Conn): Promise<boolean>;
  /** Ends the broker, in the shell; the process started is `$child`. */
  readonly kill: string;
}

/**
 * Runs a broker until we close its input, or are gone ourselves. The work is done by a child of
 * the shell, as the runtime kills the shell itself when it ends.
 */
const keeper = (kill: string) =>
  `exec 3<&0; ( "$0" "$@" 3<&- & child=$!; cat <&3 >/dev/null; ${kill} ) </dev/null & wait`;

const RECIPES: Record<BrokerName, Recipe> = {
  redis: {
    programs: ["redis-server"],
    // Every write is on disk before it is answered: what is acknowledged survives a crash.
    args: (port, folder) =>
      `--port ${port} --bind 127.0.0.1 --dir ${folder} --save --appendonly yes --appendfsync always`
        .split(" ").flatMap((word) => word === "--save" ? [word, ""] : [word]),
    ready: (conn) => answers(conn, "PING\r\n", "+PONG"),
    kill: "kill -9 $child; wait $child",
  },
  nats: {
    programs: ["nats-server"],
    args: (port, folder) => ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder],
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
};

const START_TIMEOUT = 600_000;

/** Whether the program of a broker is there. */
export function hasBroker(name: BrokerName): boolean {
  return findProgram(RECIPES[name].programs) !== undefined;
}

/**
 * Starts a broker.
 *
 * @throws {Error} where its program is missing or it does not get ready.
 */
export async function startBroker(name: BrokerName): Promise<Broker> {
  const recipe = RECIPES[name];
  const program = findProgram(recipe.programs);
  if (!program) {
    throw new Error(`Cannot start ${name}: the program ${recipe.programs.at(-1)} is not installed`);
  }
  const folder = await Deno.makeTempDir({ prefix: `vcs-${name}-` });
  const port = freePort();
  const env = await recipe.env?.(port, folder) ?? {};
  const broker = new RunningBroker(recipe, program, port, folder, env);
  try {
    await broker.start();
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
  return broker;
}

/**
 * A port on the loopback interface that is free now. It lies below the range of ephemeral
 * ports, so that no other connection takes it meanwhile.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

class RunningBroker implements Broker {
  readonly port: number;
  readonly #recipe: Recipe;
  readonly #program: string;
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #shell: Deno.ChildProcess | undefined;

  constructor(
    recipe: Recipe,
    program: string,
    port: number,
    folder: string,
    env: Record<string, string>,
  ) {
    this.port = port;
    this.#recipe = recipe;
    this.#program = program;
    this.#folder = folder;
    this.#env = env;
  }

  async start(): Promise<void> {
    const { args, kill } = this.#recipe;
    this.#shell = new Deno.Command("sh", {
      args: ["-c", keeper(kill), this.#program, ...args(this.port, this.#folder)],
      env: this.#env,
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      return await this.#recipe.ready(conn);
    } catch {
      return false;
    }
  }
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
async function rabbitEnvironment(port: number, folder: string): Promise<Record<string, string>> {
  await Deno.writeTextFile(`${folder}/plugins`, "[].\n");
  // The longest message is that of RabbitMQ 4, whichever version this is.
  const conf = ["loopback_users = none", "max_message_size = 16777216", ""];
  await Deno.writeTextFile(`${folder}/rabbitmq.conf`, conf.join("\n"));
  await Deno.writeTextFile(`${folder}/env.conf`, "");
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(freePort()),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `vcs${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(freePort()),
    RABBITMQ_MNESIA_BASE: `${folder}/data`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_PID_FILE: `${folder}/pid`,
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
    RABBITMQ_CONF_ENV_FILE: `${folder}/env.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/plugins`,
    // Classic queues need none of the features that a new node would migrate its tables for.
    RABBITMQ_FEATURE_FLAGS: "",
    // Two schedulers are plenty for a few messages, and start faster.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 2:2 +sbwt none",
  };
}

function findProgram(programs: readonly string[]): string | undefined {
  const folders = (environment.get("PATH") ?? "").split(delimiter);
  return programs
    .flatMap((name) => name.includes("/") ? [name] : folders.map((folder) => `${folder}/${name}`))
    .find((path) => builtin("node:fs").existsSync(path));
}
