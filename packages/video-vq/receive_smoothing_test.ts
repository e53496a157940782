/** What a receiver smooths between two windows, and when it must not. */
import { systemClock } from "@vcs/transport";
import assert from "node:assert/strict";
import { memoryChannel } from "@vcs/transport/channel";
import { VideoReceiver } from "./receive.ts";
import { FakeCodec, numbered, numberOf, SIZE } from "./testing/fakes.ts";
import type { Clip } from "./stream/tokenizer.ts";
import type { Tokens } from "./stream/tokens.ts";
import { windowMessage } from "./stream/window_message.ts";

/** Grey of a window: odd ones are a little brighter, as a still scene may be decoded. */
const grey = (sequence: number) => sequence % 2 === 0 ? 100 : 104;

/** Decodes each window to one grey. */
class GreyDecoder extends FakeCodec {
  readonly needsSmoothing = true;

  override async decode(tokens: Tokens): Promise<Clip> {
    const { data } = await super.decode(tokens);
    return { frameCount: 17, ...SIZE, data: data.fill(grey(numberOf(data))) };
  }
}

const codec = new GreyDecoder(systemClock);

/** Sends windows of streams; gives the greys of each window's frames. */
async function received(...sent: [stream: number, sequence: number][]): Promise<number[][]> {
  const channel = memoryChannel(sent.length);
  const receiver = new VideoReceiver(channel.receiver, codec);
  for (const [n, [stream, sequence]] of sent.entries()) {
    const tokens = await codec.encode({ frameCount: 17, ...SIZE, data: numbered(sequence) });
    const times = Array.from({ length: 18 }, (_, i) => (sequence * 17 + i) / 24);
    const rest = { capturedAt: 0, encodeSeconds: 0, sentAt: 0, frameRate: [24, 1] as const };
    await channel.sender.send(windowMessage(
      { tokens, validFrames: 17, ...SIZE, times, ...rest },
      {
        ...{ streamId: `${stream}`.padStart(16, "0"), sequence, modelId: codec.modelId },
        ...{ key: true, end: n === sent.length - 1, afterDrop: false },
      },
      "packed",
    ));
  }
  const greys: number[][] = [];
  for await (const { data, validFrames } of receiver.windows()) {
    const size = data.length / validFrames;
    greys.push(Array.from({ length: validFrames }, (_, i) => data[i * size]!));
  }
  return greys;
}

const isPlain = (greys: number[], sequence: number) =>
  greys.every((value) => value === grey(sequence));

Deno.test("a receiver fades from one window into the next", async () => {
  const [first, second] = await received([1, 0], [1, 1]);
  assert.ok(isPlain(first!, 0));
  // The difference of 4 is carried over in full and fades out in eight frames.
  assert.deepEqual(second!.slice(0, 9), [100, 101, 101, 102, 102, 103, 103, 104, 104]);
});

Deno.test("a receiver carries nothing over a window that was lost", async () => {
  const [, , behind, next] = await received([1, 0], [1, 1], [1, 4], [1, 5]);
  assert.ok(isPlain(behind!, 4), `${behind}`);
  assert.ok(!isPlain(next!, 5));
});

Deno.test("a receiver carries nothing over into another stream", async () => {
  const [, joined, other] = await received([1, 0], [1, 1], [2, 0]);
  assert.ok(!isPlain(joined!, 1));
  assert.ok(isPlain(other!, 0), `${other}`);
});
