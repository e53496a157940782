// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Collects sensor readings from another process into one file for NumPy, and loses none of them:
 *
 *     deno run -A examples/transport.ts receive tcp://127.0.0.1:7000 readings.npz
 *     deno run -A examples/transport.ts send tcp://127.0.0.1:7000
 *
 * `nats://…`, `redis://…`, `amqp://…` and `zmq+push://…` do as well: see compose.yaml.
 */
import {
  encodeNpz,
  messageTensors,
  newStreamId,
  openReceiver,
  openSender,
  tensor,
  tensorMessage,
} from "@vcs/transport";

const BATCHES = 20;
const READINGS = 50;

/** A batch of readings, [time, channel]: three sines and some noise. */
function readings(batch: number): Float32Array {
  return Float32Array.from({ length: READINGS * 3 }, (_, i) => {
    const [time, channel] = [batch * READINGS + Math.floor(i / 3), i % 3];
    return Math.sin(time / (10 + 5 * channel)) + (Math.random() - 0.5) / 10;
  });
}

async function send(url: string): Promise<void> {
  await using sender = await openSender(url);
  const streamId = newStreamId();
  for (let sequence = 0; sequence < BATCHES; sequence++) {
    const data = tensor("F32", [READINGS, 3], readings(sequence));
    const end = sequence === BATCHES - 1;
    // Waits while three messages are on their way; leaving the scope waits for all of them.
    await sender.send(tensorMessage({ data }, { streamId, sequence, end }));
  }
}

async function receive(url: string, path: string): Promise<void> {
  await using receiver = await openReceiver(url);
  console.error(`listening on ${receiver.url}`);
  const batches: number[] = [];
  for await (const message of receiver) {
    batches.push(...messageTensors(message).get("data")!.data as Float32Array);
  }
  const all = tensor("F32", [batches.length / 3, 3], Float32Array.from(batches));
  await Deno.writeFile(path, await encodeNpz({ readings: all }));
  console.log(`${path}: ${all.shape.join(" × ")} readings`);
}

const [job, url = "tcp://127.0.0.1:7000", path = "readings.npz"] = Deno.args;
if (job === "send") await send(url);
else await receive(url, path);
