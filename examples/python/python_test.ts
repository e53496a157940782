/** The Python example and our ends, both ways over each channel. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findPython } from "#testing/python.ts";
import { needing } from "#testing/shared.ts";
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
import {
  decodeWindow,
  encodeWindow,
  RECEIVER_CAPABILITIES,
  tokensFromPacked,
  type WindowVersion,
} from "@vcs/video-vq";
import { type BrokerName, hasBroker, startBroker } from "../../packages/transport/trial/brokers.ts";

const SCRIPT = fileURLToPath(new URL("./vcs_messages.py", import.meta.url));
const WINDOWS = fileURLToPath(new URL("./vcs_windows.py", import.meta.url));
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
async function run(
  python: string,
  command: string,
  url: string,
  script = SCRIPT,
  ...more: string[]
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(python, {
    args: ["-B", script, command, url, String(COUNT), ...more],
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
    ...needing(`examples/python: over ${name}, both ways`, {
      [`${module ?? "NumPy"} for Python`]: python !== undefined,
      ...(broker && { [broker]: hasBroker(broker) }),
    }),
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

/** A window of 360 signs, of which the first `sequence` are set. */
function windowAt(sequence: number, version: WindowVersion): Uint8Array {
  const shape = { channels: 18, frames: 5, height: 2, width: 2 };
  const packed = Uint8Array.from({ length: 45 }, (_, i) => i === 0 ? 2 ** sequence - 1 : 0);
  return encodeWindow(
    {
      tokens: tokensFromPacked(packed, shape),
      ...{ validFrames: 17, width: 16, height: 16, frameRate: [30_000, 1001] },
      times: Array.from({ length: 18 }, (_, i) => i === 17 && sequence % 2 === 1 ? 1 : i / 29.97),
      ...{ capturedAt: 1.7e12, encodeSeconds: 0.1, sentAt: 1.7e12 + 800 },
    },
    undefined,
    true,
    version,
  );
}

Deno.test({
  ...needing("examples/python: windows of both versions, both ways", {
    NumPy: findPython("numpy") !== undefined,
  }),
  async fn() {
    const python = findPython("numpy")!;
    const toPython = `tcp://127.0.0.1:${freePort()}`;
    const receiving = run(python, "receive", toPython, WINDOWS);
    receiving.catch(() => {}); // Awaited below.
    {
      await using end = await openSender(toPython);
      const streamId = newStreamId();
      for (let sequence = 0; sequence < COUNT; sequence++) {
        const payload = windowAt(sequence, sequence < 4 ? 1 : 2);
        const fields = { streamId, sequence, pts: 5, key: true, end: sequence === COUNT - 1 };
        await end.send(message(payload, fields));
      }
      await end.flush();
      assert.deepEqual(end.peerCapabilities, RECEIVER_CAPABILITIES);
    }
    const lines = (await receiving).trimEnd().split("\n");
    for (const [i, line] of lines.entries()) {
      const found = /^(\d+) (\d) \(18, 5, 2, 2\) (-?\d+) ([\d.]+)$/.exec(line);
      assert.deepEqual(found?.slice(1, 4).map(Number), [i, i < 4 ? 1 : 2, 2 * i - 360], line);
      const ends = i % 2 === 1 ? 6 : 5 + 17 / 29.97;
      assert.ok(Math.abs(Number(found![4]) - ends) < 1e-4, line);
    }
    assert.equal(lines.length, COUNT);
    for (const version of [1, 2]) {
      await using end = await openReceiver(`tcp://127.0.0.1:${freePort()}`);
      const sending = run(python, "send", end.url, WINDOWS, `${version}`);
      sending.catch(() => {}); // Awaited below.
      let next = 0;
      for await (const { payload, pts, sequence } of end) {
        const { tokens, validFrames, frameRate, times } = decodeWindow(payload, pts);
        assert.equal(sequence, next++);
        assert.deepEqual([payload[0], validFrames, frameRate], [version, 17, [24, 1]]);
        assert.deepEqual(tokens.shape, { channels: 18, frames: 5, height: 2, width: 2 });
        assert.ok(Math.abs(times[17]! - (sequence + 1) * 17 / 24) < 1e-5);
      }
      await sending;
      assert.equal(next, COUNT);
    }
  },
});
