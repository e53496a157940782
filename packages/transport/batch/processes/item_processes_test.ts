import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256Of } from "../../fetch/download.ts";
import { recordOf } from "../../testing/batch_work.ts";
import { collectLines } from "../../testing/command.ts";
import { appears, sleep } from "../../testing/waits.ts";

const COMMAND = import.meta.resolve("../../testing/queue_command.ts");

/** Texts for the command, and what it makes of them. */
class Place implements AsyncDisposable {
  readonly folder: string;
  /** What the command said. */
  readonly said: string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async of(texts: Readonly<Record<string, string>>): Promise<Place> {
    const place = new Place(await Deno.makeTempDir());
    await Deno.mkdir(place.path("in"));
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(place.path(`in/${name}.txt`), text);
    }
    return place;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts the command with as many items at once, each in a process where it is more than one. */
  start(jobs: number, ...args: string[]): Deno.ChildProcess {
    const where = [this.path("in"), "-o", this.path("out"), "--jobs", String(jobs)];
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", COMMAND, "batch", ...where, ...args],
      env: { KNOWN_PROCESSES: "1" },
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
  }

  /** Runs it to its end; gives its exit code. */
  async run(jobs: number, ...args: string[]): Promise<number> {
    const child = this.start(jobs, ...args);
    await collectLines(child.stderr, this.said);
    return (await child.status).code;
  }

  async failures(): Promise<Record<string, string>[]> {
    const text = await Deno.readTextFile(this.path("out/failures.jsonl"));
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`text ${i}`, "good"]));
}

for (const [format, name] of [["webdataset", "shard-00000.tar"], ["files", "index.jsonl"]]) {
  Deno.test(`${format}: processes make the bytes that one process makes`, async () => {
    await using place = await Place.of({ ...numbered(9), "text 5": "bad" });
    assert.equal(await place.run(3, "--format", format!), 1);
    const made = await sha256Of(place.path(`out/${name}`));
    const [failure] = await place.failures();
    await Deno.remove(place.path("out"), { recursive: true });
    assert.equal(await place.run(1, "--format", format!), 1);
    assert.equal(await sha256Of(place.path(`out/${name}`)), made);
    assert.deepEqual((await place.failures())[0], failure);
    assert.equal(failure?.code, "format");
    assert.equal(recordOf("x").fields.length, 1);
  });
}

Deno.test("what ends a process fails its item alone", async () => {
  await using place = await Place.of({ ...numbered(6), "text 2": "deadly" });
  assert.equal(await place.run(2), 1);
  const source = place.path("in/text 2.txt");
  assert.deepEqual(await place.failures(), [{
    ...{ key: "text 2.txt", code: "process-ended" },
    message: `Cannot work on ${source}: its process ended with SIGKILL`,
  }]);
  await Deno.writeTextFile(source, "good");
  assert.equal(await place.run(2, "--retry-failed"), 0);
});

Deno.test("work whose items share a model stays in one process", async () => {
  const hold = await Deno.makeTempFile();
  await Deno.remove(hold);
  await using place = await Place.of({ ...numbered(2), "text 0": `hold ${hold}` });
  const child = place.start(2, "--model", "shared");
  const saying = collectLines(child.stderr, place.said);
  await appears(`${hold}.begun`);
  assert.deepEqual(await childrenOf(child.pid), []);
  await Deno.writeTextFile(hold, "");
  await saying;
  assert.equal((await child.status).code, 0, place.said.join("\n"));
  await Deno.remove(hold);
  await Deno.remove(`${hold}.begun`);
});

Deno.test("Ctrl-C, which all processes get, fails no item; the next run goes on", async () => {
  const hold = await Deno.makeTempFile();
  await Deno.remove(hold);
  await using place = await Place.of({ ...numbered(4), "text 1": `hold ${hold}` });
  const child = place.start(2);
  const saying = collectLines(child.stderr, place.said);
  await appears(`${hold}.begun`);
  for (const pid of [...await childrenOf(child.pid), child.pid]) Deno.kill(pid, "SIGINT");
  await saying;
  assert.equal((await child.status).code, 130, place.said.join("\n"));
  assert.deepEqual(await place.failures().catch(() => []), []);
  await Deno.writeTextFile(hold, "");
  assert.equal(await place.run(2), 0);
  assert.match(place.said.at(-1)!, /items done/);
  await Deno.remove(hold);
  await Deno.remove(`${hold}.begun`);
});

Deno.test("processes end when the one that started them is killed", async () => {
  const hold = await Deno.makeTempFile();
  await Deno.remove(hold);
  await using place = await Place.of({ ...numbered(2), "text 0": `hold ${hold}` });
  const child = place.start(2);
  const saying = collectLines(child.stderr, place.said);
  await appears(`${hold}.begun`);
  const children = await childrenOf(child.pid);
  assert.ok(children.length > 0);
  child.kill("SIGKILL");
  await Promise.all([saying, child.status]);
  while (children.some(isRunning)) await sleep(20);
  await Deno.remove(`${hold}.begun`);
});

/** Processes that a process started. */
async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "pid=,ppid="] }).output();
  const rows = new TextDecoder().decode(stdout).trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid).map(([child]) => child!);
}

/** Whether a process runs; one that has ended and is not waited for does not. */
function isRunning(pid: number): boolean {
  const { success, stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
    .outputSync();
  return success && !new TextDecoder().decode(stdout).startsWith("Z");
}
