import { ManualClock } from "@vcs/transport";
import assert from "node:assert/strict";
import { InStep } from "./in_step.ts";

const seconds = (count: number) => Array.from({ length: count }, (_, i) => i);
const same = (second: number) => second;

Deno.test("in step: neither is read more than two seconds ahead of the other", async () => {
  const step = new InStep(true);
  const read: string[] = [];
  const take = async (track: "video" | "sound", count: number) => {
    for await (const second of step.of(track, ReadableStream.from(seconds(count)), same)) {
      read.push(`${track[0]}${second}`);
    }
  };
  await Promise.all([take("video", 9), take("sound", 5)]);
  assert.equal(read.length, 14);
  for (const [i, name] of read.entries()) {
    const before = read.slice(0, i + 1).filter((other) => other[0] !== name[0]).length;
    const isOver = before === (name[0] === "v" ? 5 : 9); // the other has ended
    assert.ok(isOver || Number(name.slice(1)) <= before + 2, `${name} in ${read}`);
  }
});

Deno.test("in step: what is too far ahead waits until the other has come near", async () => {
  const step = new InStep(true);
  const sound = step.of("sound", ReadableStream.from(seconds(9)), same);
  const video = step.of("video", ReadableStream.from(seconds(9)), same);
  for (const second of [0, 1, 2]) assert.equal((await sound.next()).value, second);
  let came: number | undefined;
  const next = sound.next().then(({ value }) => came = value as number);
  assert.equal((await video.next()).value, 0);
  for (let turn = 0; turn < 9; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(came, undefined);
  assert.equal((await video.next()).value, 1);
  await next;
  assert.equal(came, 3);
});

Deno.test("in step: without sound pictures do not wait, and a reader who leaves frees the other", async () => {
  const alone = new InStep(false);
  const all = alone.of("video", ReadableStream.from(seconds(50)), same);
  assert.equal((await Array.fromAsync(all)).length, 50);
  const step = new InStep(true);
  const sound = step.of("sound", ReadableStream.from(seconds(50)), same);
  await sound.next();
  const waiting = Array.fromAsync(step.of("video", ReadableStream.from(seconds(50)), same));
  await sound.return(undefined);
  assert.equal((await waiting).length, 50);
});

Deno.test("in step: in real time a piece comes at its second; a signal ends the wait", async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const step = new InStep(false, { realtime: true, clock, signal: abort.signal });
  const pieces = step.of("video", ReadableStream.from(seconds(9)), same);
  assert.equal((await pieces.next()).value, 0);
  let came: number | undefined;
  const next = pieces.next().then(({ value }) => came = value as number);
  await clock.advance(900);
  assert.equal(came, undefined);
  await clock.advance(100);
  await next;
  assert.equal(came, 1);
  const refused = assert.rejects(pieces.next(), /enough/);
  abort.abort(new Error("enough"));
  await refused;
});
