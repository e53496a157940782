import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { type CameraEvent, cameraFrames, type CameraOptions } from "./camera.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
const PART = [...new TextEncoder().encode("--x\r\nContent-Type: image/jpeg\r\n\r\n"), ...JPEG, 10];
const HEAD = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n";

/** A camera that sends frames at these intervals in seconds, then nothing. */
function camera(pauses: readonly number[]): Deno.TcpConn {
  const closed = Promise.withResolvers<null>();
  const chunks = (async function* () {
    yield new TextEncoder().encode(HEAD);
    for (const pause of pauses) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * pause));
      yield Uint8Array.from(PART);
    }
    await closed.promise;
  })();
  const read = async (into: Uint8Array) => {
    const next = await Promise.race([chunks.next(), closed.promise]);
    if (next === null || next.done) return null;
    into.set(next.value);
    return next.value.length;
  };
  const write = (bytes: Uint8Array) => Promise.resolve(bytes.length);
  return { read, write, close: () => closed.resolve(null) } as unknown as Deno.TcpConn;
}

/** Watches for some seconds a camera that answers by a script; gives what happened and when. */
async function watched(
  seconds: number,
  answer: (tries: number) => Deno.TcpConn,
  options: CameraOptions = {},
) {
  using time = new FakeTime();
  const real = Deno.connect;
  const [frames, events]: [number[], CameraEvent[]] = [[], []];
  const stop = new AbortController();
  let tries = 0;
  Object.assign(Deno, { connect: () => Promise.try(() => answer(++tries)) });
  try {
    const onEvent = (event: CameraEvent) => void events.push(event);
    const reading = (async () => {
      const all = { ...options, onEvent, signal: stop.signal };
      for await (const _ of cameraFrames("http://camera/", all)) {
        frames.push(performance.now() / 1000);
      }
    })();
    await time.advance(1000 * seconds);
    stop.abort();
    await time.advance(0);
    await reading;
  } finally {
    Object.assign(Deno, { connect: real });
  }
  const retries = events.flatMap((e) => e.type === "lost" && e.retryIn ? [e.retryIn] : []);
  return { frames, retries };
}

const refused = () => {
  throw new TypeError("connection refused");
};

/** Whether pauses are these, less the quarter that they may be shortened by. */
function assertPauses(found: readonly number[], expected: readonly number[]): void {
  assert.equal(found.length, expected.length, `${found}`);
  for (const [i, most] of expected.entries()) {
    assert.ok(found[i]! <= most && found[i]! >= 0.75 * most, `pause ${i} is ${found[i]} s`);
  }
}

Deno.test("a lost camera is tried after 2, 4, 8 … seconds, at most 30", async () => {
  const { retries } = await watched(120, refused);
  assertPauses(retries.slice(0, 7), [2, 4, 8, 16, 30, 30, 30]);
});

Deno.test("pauses start anew once a frame has come", async () => {
  const { retries, frames } = await watched(
    40,
    (tries) => tries === 4 ? camera([1]) : refused(),
    { frameTimeout: 3 },
  );
  assert.equal(frames.length, 1);
  assertPauses(retries.slice(0, 5), [2, 4, 8, 2, 4]);
});

Deno.test("failures in a row are counted anew once a frame has come", async () => {
  const { frames } = await watched(
    18.5,
    (tries) => [3, 5].includes(tries) ? camera([1]) : refused(),
    { frameTimeout: 3, retries: 2 },
  );
  assert.equal(frames.length, 2);
});

Deno.test("a camera is hung up on when nothing comes for its time, counted from the last frame", async () => {
  const { frames, retries } = await watched(29, () => camera([8, 8, 8]), {
    frameTimeout: 10,
  });
  assert.deepEqual([frames, retries], [[8, 16, 24], []]);
  const silent = await watched(34.5, () => camera([8, 8, 8]), {
    frameTimeout: 10,
  });
  assert.equal(silent.retries.length, 1);
});
