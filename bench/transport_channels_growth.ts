/**
 * What a message and idling cost after so many messages went through a channel: processor time of
 * the process that has both ends. Prints a table. Arguments: the longest run of brokers and of ends
 * that talk to each other, in messages (default: 100,000 and 1,000,000).
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { openReceiver, openSender, type Receiver, type Sender } from "@vcs/transport/channel";
import { print, say } from "@vcs/transport/internal";
import { message, newStreamId } from "@vcs/transport/message";
import { freePort, hasBroker, startBroker } from "../packages/transport/trial/brokers.ts";
import { BUCKET, MOTO_PYTHON, startMoto } from "../packages/transport/testing/moto.ts";

const [BROKERS = 100_000, PEERS = 1_000_000] = Deno.args.map(Number);
const STEPS = [1_000, 10_000, 100_000, 1_000_000];
/** Messages over which their cost is measured, and seconds of idling. */
const [MEASURED, IDLE] = [500, 2];
const SIZE = 2880;

/** A channel, and how far it is taken. */
interface Run {
  readonly name: string;
  readonly sender: string;
  readonly receiver?: string;
  readonly most: number;
}

/** Milliseconds of processor time so far. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Messages through a channel, one stream over all calls. */
class Traffic {
  readonly #ends: { sender: Sender; receiver: Receiver };
  readonly #streamId = newStreamId();
  sent = 0;

  constructor(ends: { sender: Sender; receiver: Receiver }) {
    this.#ends = ends;
  }

  async run(count: number): Promise<void> {
    const receiving = (async () => {
      for (let i = 0; i < count; i++) await (await this.#ends.receiver.receive())!.accept();
    })();
    for (let i = 0; i < count; i++) {
      const fields = { streamId: this.#streamId, sequence: this.sent++ };
      await this.#ends.sender.send(message(new Uint8Array(SIZE), fields));
    }
    await receiving;
  }
}

/** Cost of a message in microseconds and of idling in percent of a core, after each step. */
async function measure({ sender, receiver = sender, most }: Run): Promise<string[]> {
  await using to = await openReceiver(receiver);
  await using from = await openSender(sender);
  const traffic = new Traffic({ sender: from, receiver: to });
  const cells: string[] = [];
  for (const step of STEPS.filter((step) => step <= most)) {
    await traffic.run(step - MEASURED - traffic.sent);
    const before = cpu();
    await traffic.run(MEASURED);
    const perMessage = 1000 * (cpu() - before) / MEASURED;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const idleFrom = cpu();
    await new Promise((resolve) => setTimeout(resolve, IDLE * 1000));
    const idle = (cpu() - idleFrom) / (10 * IDLE);
    cells.push(`${perMessage.toFixed(0)} µs, ${idle.toFixed(1)} %`);
    say(`${sender.split(":")[0]} ${step}: ${cells.at(-1)}`);
  }
  return cells;
}

const stack = new AsyncDisposableStack();
const folder = await Deno.makeTempDir();
stack.defer(() => Deno.remove(folder, { recursive: true }));
const local = () => `127.0.0.1:${freePort()}`;
const [push, tcp, ws] = [local(), local(), local()];
const runs: Run[] = [
  { name: "tcp", sender: `tcp://${tcp}`, most: PEERS },
  { name: "ws", sender: `ws://${ws}/`, most: PEERS },
  { name: "zmq-push", sender: `zmq+push://${push}`, receiver: `zmq+pull://${push}`, most: PEERS },
  { name: "file, an archive", sender: `${pathToFileURL(folder)}/archive`, most: BROKERS },
  { name: "file, `limit=3`", sender: `${pathToFileURL(folder)}/spool?limit=3`, most: BROKERS },
];
for (const [program, name] of [["redis"], ["rabbitmq", "amqp"], ["nats"]] as const) {
  if (!hasBroker(program)) continue;
  const { port } = stack.use(await startBroker(program));
  runs.push({
    name: name ?? program,
    sender: `${name ?? program}://127.0.0.1:${port}`,
    most: BROKERS,
  });
}
if (MOTO_PYTHON) {
  const { port, env } = stack.use(await startMoto());
  for (const [name, value] of env) Deno.env.set(name, value);
  const sender = `s3://${BUCKET}/archive?endpoint=http://127.0.0.1:${port}`;
  // The service of the tests keeps all in memory, and lists it in ever longer times.
  runs.push({ name: "s3, an archive", sender, most: Math.min(BROKERS, 10_000) });
}
const head = ["after so many messages", ...STEPS.map((step) => step.toLocaleString("en"))];
const rows = [head, head.map(() => "---")];
for (const run of runs) {
  const cells = await measure(run);
  rows.push([run.name, ...STEPS.map((_, i) => cells[i] ?? "")]);
}
print(rows.map((row) => `| ${row.join(" | ")} |`).join("\n"));
await stack.disposeAsync();
