import { ManualClock } from "@vcs/transport";
import { memoryChannel } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { framesOf, VideoReceiver } from "../receive.ts";
import { VideoSender } from "../send.ts";
import { drive, FakeCodec, numberedFrames, numberOf, SIZE } from "../testing/fakes.ts";
import { encodeLiveFrame, pairNumber } from "./live_frame.ts";

Deno.test("live frame: a copy and its source have one number, whatever was left out between them", async () => {
  const cases = [[23.976, "block"], [24, "drop-oldest"], [30, "block"]] as const;
  for (const [fps, policy] of cases) {
    const clock = new ManualClock();
    const codec = new FakeCodec(clock, { encode: 1.5 });
    const { sender, receiver } = memoryChannel();
    const frameRate = [Math.round(fps * 1000), 1000] as const;
    const options = { ...SIZE, frameRate, clock, captureRing: 34, policy } as const;
    const stream = new VideoSender(codec, sender, options);
    const sources = new Map<number, number>();
    const shown = async function* () {
      for await (const frame of numberedFrames(30 * 17, { fps, clock })) {
        sources.set(pairNumber(frame.pts), numberOf(frame.data));
        yield frame;
      }
    };
    const pairs: (number | undefined)[][] = [];
    const taking = async () => {
      for await (const window of new VideoReceiver(receiver, codec, { clock }).windows()) {
        const [first] = framesOf(window);
        pairs.push([sources.get(pairNumber(first!.pts)), numberOf(first!.data)]);
      }
    };
    await drive(clock, Promise.all([stream.run(shown()), taking()]));
    const { framesDropped, droppedCount } = stream.statistics;
    assert(policy === "block" ? framesDropped > 100 : droppedCount > 5);
    assert(pairs.length > 5);
    for (const [source, copy] of pairs) assert.equal(source, copy);
  }
});

Deno.test("live frame: sides, number and time are where the page reads them", () => {
  const bytes = encodeLiveFrame({
    pts: 2.5,
    width: 3,
    height: 1,
    capturedAt: 7,
    data: new Uint8Array(9).fill(5),
  });
  const view = new DataView(bytes.buffer);
  const header = [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true)];
  assert.deepEqual([...header, view.getFloat64(8, true), bytes.length], [25_000, 3, 1, 7, 25]);
});
