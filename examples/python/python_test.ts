/** The Python example and our ends, both ways over each channel. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findPython } from "#testing/python.ts";
import { needs } from "#testing/shared.ts";
import {
  message,
  messageTensors,
  newStreamId,
  openReceiver,
  openSender,
  tensor,
  tensorMessage,
} from "@vcs/transport";
import { freePort } from "@vcs/transport/internal";
import { type BrokerName, hasBroker, startBroker } from "../../packages/transport/trial/brokers.ts";

const SCRIPT = fileURLToPath(new URL("./vcs_messages.py", import.meta.url));
const COUNT = 8;

interface Channel {
  /** The module that the example needs beside NumPy. */
  readonly module?: string;
  readonly broker?: BrokerName;
  sender(port: number): string;
  receiver?(port: number): string;
}

const CHANNELS: Readonly<Record<string, Channel>> = {
  tcp: { sender: (port) => `tcp://127.0.0.1:${port}` },
  ZeroMQ: {
    module: "zmq",
    sender: (port) => `zmq+push://127.0.0.1:${port}`,
    receiver: (port) => `zmq+pull://127.0.0.1:${port}`,
  },
  Redis: {
    module: "redis",
    broker: "redis",
    sender: (port) => `redis://127.0.0.1:${port}?stream=x`,
  },
  NATS: { module: "nats", broker: "nats", sender: (port) => `nats://127.0.0.1:${port}?stream=x` },
};

/** Runs the example to its end; gives what it printed. */
async function run(python: string, command: string, url: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(python, {
    args: ["-B", SCRIPT, command, url, String(COUNT)],
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function toPython(python: string, sender: string, receiver: string): Promise<void> {
  const receiving = run(python, "receive", receiver);
  const sending = (async () => {
    await using end = await openSender(sender);
    const streamId = newStreamId();
    for (let sequence = 0; sequence < COUNT; sequence++) {
      const codes = tensor("I16", [3], Int16Array.of(sequence, -1, 7));
      const scale = tensor("F64", [1, 1], Float64Array.of(0.5));
      const fields = { streamId, sequence, end: sequence === COUNT - 1 };
      await end.send(tensorMessage({ codes, scale }, fields));
    }
  })();
  const [text] = await Promise.all([receiving, sending]);
  const wanted = Array.from(
    { length: COUNT },
    (_, i) => `${i} {"codes": [3], "scale": [1, 1]} ${i + 6.5}\n`,
  );
  assert.equal(text, wanted.join(""));
}

async function fromPython(python: string, sender: string, receiver: string): Promise<void> {
  await using end = await openReceiver(receiver);
  const sending = run(python, "send", sender);
  sending.catch(() => {}); // Awaited below.
  let sequence = 0;
  for await (const got of end) {
    const fields = { streamId: got.streamId, sequence, pts: sequence / 24, key: true };
    const { pts } = message(got.payload, fields);
    assert.ok(Math.abs(got.pts - pts) < 1e-6);
    const { codes, scale } = Object.fromEntries(messageTensors(got));
    assert.deepEqual(codes, tensor("I32", [2, 3], new Int32Array(6).fill(sequence)));
    assert.deepEqual(scale, tensor("F32", [1], Float32Array.of(sequence / 2)));
    assert.equal(got.key, true);
    sequence++;
  }
  await sending;
  assert.equal(sequence, COUNT);
}

for (const [name, { module, broker, sender, receiver = sender }] of Object.entries(CHANNELS)) {
  const python = findPython("numpy", ...(module ? [module] : []));
  Deno.test({
    name: `examples/python: over ${name}, both ways`,
    ...needs(python !== undefined, broker === undefined || hasBroker(broker)),
    async fn() {
      await using started = broker && await startBroker(broker);
      const port = () => started?.port ?? freePort();
      for (const exchange of [toPython, fromPython]) {
        const at = port();
        await exchange(python!, sender(at), receiver(at));
      }
    },
  });
}
