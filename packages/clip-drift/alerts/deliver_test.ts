import assert from "node:assert/strict";
import { join } from "node:path";
import { ManualClock } from "@vcs/transport";
import { madeAlert } from "../testdata/alert.ts";
import { Delivery } from "./deliver.ts";
import type { DeliveryOutcome, SentAlert } from "./sent_alert.ts";
import { type AlertTarget, RefusedAlert } from "./targets.ts";

/** A target that notes what comes; `answer` may throw. */
function target(name: string, answer: (frame: number) => void | Promise<void> = () => {}) {
  const frames: number[] = [];
  const deliver = async ({ frame }: SentAlert) => {
    await answer(frame);
    frames.push(frame);
  };
  return { name, attempts: Infinity, deliver, frames };
}

const outcomesOf = (outcomes: DeliveryOutcome[]) =>
  outcomes.map(({ alert, target, outcome, attempts }) => [alert.frame, target, outcome, attempts]);

Deno.test("alerts reach each target in their order; a slow target keeps none of the others waiting", async () => {
  const gate = Promise.withResolvers<void>();
  const [slow, quick] = [target("slow", () => gate.promise), target("quick")];
  await using delivery = await Delivery.open({ targets: [slow, quick] });
  for (const frame of [1, 2, 3]) await delivery.send(madeAlert(frame));
  while (quick.frames.length < 3) await new Promise((done) => setTimeout(done, 1));
  assert.deepEqual([quick.frames, slow.frames, delivery.waiting()], [[1, 2, 3], [], 3]);
  gate.resolve();
  await delivery.settled();
  assert.deepEqual([slow.frames, delivery.waiting()], [[1, 2, 3], 0]);
});

Deno.test("what fails is tried again after 1, 2, 4 … 60 seconds; what is refused is not", async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  let failures = 8;
  const flaky = target("flaky", () => {
    times.push(clock.now() / 1000);
    if (failures-- > 0) throw new Error("down");
  });
  const picky = target("picky", () => {
    throw new RefusedAlert("no");
  });
  const outcomes: DeliveryOutcome[] = [];
  const lines: string[] = [];
  await using delivery = await Delivery.open({
    ...{ targets: [flaky, picky], clock, say: (line) => void lines.push(line) },
  });
  await delivery.send(madeAlert(1), (outcome) => outcomes.push(outcome));
  await clock.advance(1000 * (1 + 2 + 4 + 8 + 16 + 32 + 60 + 60));
  await delivery.settled();
  assert.deepEqual(times, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
  assert.deepEqual(outcomesOf(outcomes).filter(([, name]) => name === "picky"), [
    [1, "picky", "failed", 1],
  ]);
  const ofFlaky = outcomesOf(outcomes).filter(([, name]) => name === "flaky");
  assert.deepEqual(ofFlaky.at(-1), [1, "flaky", "delivered", 9]);
  assert.equal(ofFlaky.length, 9);
  assert.deepEqual(lines, [
    "Cannot flaky: down; it is tried again",
    "Cannot picky: no; given up",
    "Done at attempt 9: flaky",
  ]);
});

Deno.test("a target with a number of attempts gives up, and goes on with the next alert", async () => {
  const clock = new ManualClock();
  const stubborn: AlertTarget = {
    ...target("stubborn", (frame) => {
      if (frame === 1) throw new Error("exit code 3, expected 0");
    }),
    attempts: 3,
  };
  const outcomes: DeliveryOutcome[] = [];
  await using delivery = await Delivery.open({ targets: [stubborn], clock });
  for (const frame of [1, 2]) await delivery.send(madeAlert(frame), (o) => outcomes.push(o));
  await clock.advance(10_000);
  await delivery.settled();
  assert.deepEqual(outcomesOf(outcomes), [
    [1, "stubborn", "retrying", 1],
    [1, "stubborn", "retrying", 2],
    [1, "stubborn", "failed", 3],
    [2, "stubborn", "delivered", 1],
  ]);
});

Deno.test("at most 256 alerts wait for a target; the others are refused and reported", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = target("slow", () => gate.promise);
  const outcomes: DeliveryOutcome[] = [];
  await using delivery = await Delivery.open({ targets: [slow] });
  for (let n = 0; n < 260; n++) await delivery.send(madeAlert(n), (o) => outcomes.push(o));
  assert.deepEqual(outcomesOf(outcomes), [256, 257, 258, 259].map((n) => [n, "slow", "failed", 0]));
  gate.resolve();
  await delivery.settled();
  assert.equal(slow.frames.length, 256);
  await delivery.send(madeAlert(300));
  await delivery.settled();
  assert.equal(slow.frames.length, 257);
});

Deno.test("what is not delivered at the end is delivered at the next start, once", async () => {
  const runs = await Deno.makeTempDir();
  const dead = target("POST to a", () => {
    throw new Error("down");
  });
  const outcomes: DeliveryOutcome[] = [];
  {
    await using delivery = await Delivery.open({ targets: [dead], runs });
    for (const frame of [1, 2]) await delivery.send(madeAlert(frame), (o) => outcomes.push(o));
    while (outcomes.length === 0) await new Promise((done) => setTimeout(done, 1));
  }
  assert.deepEqual(outcomesOf(outcomes).slice(1), [
    [1, "POST to a", "kept", 1],
    [2, "POST to a", "kept", 0],
  ]);
  const other = target("POST to b");
  await (await Delivery.open({ targets: [other], runs }))[Symbol.asyncDispose]();
  assert.deepEqual(other.frames, []);
  for (const expected of [[1, 2], []]) {
    const alive = target("POST to a");
    await using delivery = await Delivery.open({ targets: [alive], runs });
    await delivery.settled();
    assert.deepEqual(alive.frames, expected);
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(runs)), []);
  await Deno.remove(runs, { recursive: true });
});

Deno.test("a process that is killed between an alert and its delivery loses none, and one that lives is left alone", async () => {
  const runs = await Deno.makeTempDir();
  const script = `
    import { Delivery } from ${JSON.stringify(import.meta.resolve("./deliver.ts"))};
    import { madeAlert } from ${JSON.stringify(import.meta.resolve("../testdata/alert.ts"))};
    const deliver = () => new Promise(() => setTimeout(() => {}, 1e6));
    const target = { name: "POST to a", attempts: Infinity, deliver };
    const delivery = await Delivery.open({ targets: [target], runs: ${JSON.stringify(runs)} });
    for (const frame of [1, 2, 3]) await delivery.send(madeAlert(frame));
    console.log("raised");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  }).spawn();
  for await (const bytes of child.stdout) {
    if (new TextDecoder().decode(bytes).includes("raised")) break;
  }
  const alive = target("POST to a");
  const early = await Delivery.open({ targets: [alive], runs });
  await early.settled();
  assert.deepEqual(alive.frames, []);
  child.kill("SIGKILL");
  await child.status;
  const delivery = await Delivery.open({ targets: [alive], runs });
  await delivery.settled();
  assert.deepEqual(alive.frames, [1, 2, 3]);
  await early[Symbol.asyncDispose]();
  const folders = await Array.fromAsync(Deno.readDir(join(runs, "undelivered")));
  assert.equal(folders.length, 1);
  await delivery[Symbol.asyncDispose]();
  await Deno.remove(runs, { recursive: true });
});

Deno.test("files in the outbox that are no alerts are left where they are", async () => {
  const runs = await Deno.makeTempDir();
  const folder = join(runs, "undelivered", "old");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "1.json"), "{");
  await Deno.writeTextFile(join(folder, "2.json"), "[]");
  await Deno.symlink("/dev/zero", join(folder, "3.json"));
  const alive = target("POST to a");
  await (await Delivery.open({ targets: [alive], runs }))[Symbol.asyncDispose]();
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  assert.deepEqual(names.sort(), ["1.json", "2.json", "3.json", "lock"]);
  await Deno.remove(runs, { recursive: true });
});

Deno.test("a folder of an earlier start that cannot be read keeps neither the others nor new alerts", async () => {
  const runs = await Deno.makeTempDir();
  const dead = target("POST to a", () => {
    throw new Error("down");
  });
  {
    await using delivery = await Delivery.open({ targets: [dead], runs });
    await delivery.send(madeAlert(1));
  }
  // A folder in the place of the lock.
  await Deno.mkdir(join(runs, "undelivered", "0", "lock"), { recursive: true });
  const lines: string[] = [];
  const alive = target("POST to a");
  {
    const say = (line: string) => void lines.push(line);
    await using delivery = await Delivery.open({ targets: [alive], runs, say });
    await delivery.settled();
    assert.deepEqual(alive.frames, [1]);
  }
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0]!, /^Alerts of an earlier start stay in .*0: /);
  await Deno.remove(runs, { recursive: true });
});
