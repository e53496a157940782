/**
 * What happens to stores: kills, disks that are full or read-only, folders that go, clocks that jump.
 *
 * @module
 */
import { globSync } from "node:fs";
import { inFolder, type Row } from "./row.ts";
import type { Contents } from "./store.ts";
import { STORES } from "./stores.ts";
import { linesOf, readLines, readStore, storeWords, Writer } from "./writer.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Items that were taken. */
class Kept {
  readonly numbers = new Set<number>();

  add(numbers: readonly number[]): void {
    for (const number of numbers) this.numbers.add(number);
  }

  /** The number of the next item. */
  get next(): number {
    return [...this.numbers].reduce((next, number) => Math.max(next, number + 1), 0);
  }

  /** What became of them. */
  after({ found, wrong }: Contents, failure = "") {
    const there = new Set(found);
    const lost = [...this.numbers].filter((number) => !there.has(number)).length;
    return {
      ...{ kept: this.numbers.size, lost, wrong: wrong.length + (failure === "" ? 0 : 1) },
      told: failure || wrong[0] || "",
    };
  }
}

/** The longest wait in milliseconds before a kill, of those while it writes and of the others. */
const [WRITING, ANY] = [100, 800];

/** Kills writers of one folder, one after the other, and then reads it. */
export function killed(store: string, kills: number): Promise<Row> {
  return inFolder(async (folder) => {
    const kept = new Kept();
    let [failure, healed, waiting] = ["", 0, 0];
    for (let kill = 0; kill < kills; kill++) {
      await using writer = new Writer(store, folder, { from: kept.next });
      const isWriting = Math.random() < 0.75;
      if (isWriting) await writer.takes(1);
      await pause(Math.random() * (isWriting ? WRITING : ANY));
      await writer.kill();
      kept.add(writer.said.kept);
      failure ||= writer.said.error ?? "";
      if (writer.said.kept.length > 0) [healed, waiting] = [healed + waiting, 0];
      waiting++;
    }
    await using last = new Writer(store, folder, { from: kept.next, count: 1 });
    if (await last.takes(1)) healed += waiting;
    await last.kill();
    kept.add(last.said.kept);
    const contents = await readStore(store, folder);
    return { store, fault: "kill -9", tried: kills, healed, ...kept.after(contents, failure) };
  });
}

/**
 * Lines of a shell. `$1` is the folder, on which a small disk is put, `$2` the runtime; `write` and
 * `again` are the words of writers.
 */
const DISKS: Readonly<Record<string, string>> = {
  "disk full": `mount -t tmpfs -o size=400k none "$1" && timeout -s KILL 60 WRITE
    mount -o remount,size=40m "$1"; echo again; timeout -s KILL 60 SOME`,
  "read-only": `mount -t tmpfs -o size=40m none "$1" && timeout -s KILL 60 SOME
    mount -o remount,ro "$1"; timeout -s KILL 60 WRITE
    mount -o remount,rw "$1"; echo again; timeout -s KILL 60 SOME`,
};

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");

/** Number from which writers go on; they have taken fewer before. */
const LATER = 100_000;

/** Writes on a disk of its own, which becomes full or read-only, then is well again, and is read. */
function diskOnce(store: string, script: string) {
  return inFolder(async (folder) => {
    const words = (...args: (string | number)[]) =>
      quoted([Deno.execPath(), ...storeWords(store, ...args)]);
    const lines = script.replace("WRITE", words("write", folder, 0))
      .replace(/SOME$/, words("write", folder, LATER, 5))
      .replace("SOME", words("write", folder, 0, 5));
    const read = words("read", folder);
    const shell = ["-rm", "sh", "-c", `${lines}; ${read}`, "sh", folder];
    const said = await linesOf("unshare", shell);
    const cut = said.indexOf("again");
    const [before, after] = [readLines(said.slice(0, cut)), readLines(said.slice(cut))];
    if (cut < 0 || before.kept.length === 0) return undefined;
    const kept = new Kept();
    kept.add([...before.kept, ...after.kept]);
    const contents = after.contents ?? { found: [], wrong: [after.error ?? "it cannot be read"] };
    const error = before.error?.replaceAll(folder, "FOLDER");
    const came = kept.after(contents, error === undefined ? "nobody was told" : "");
    return { ...came, healed: after.kept.length > 0 ? 1 : 0, told: came.told || error };
  });
}

/** Adds up what came of several faults of a kind. */
export async function onDisk(store: string, fault: string, times: number): Promise<Row> {
  const row = { store, fault, tried: 0, kept: 0, lost: 0, wrong: 0, healed: 0, told: "" };
  for (let time = 0; time < times; time++) {
    const once = await diskOnce(store, DISKS[fault]!);
    if (once === undefined) return { ...row, told: "not tried: no disk of its own could be made" };
    row.tried++;
    for (const key of ["kept", "lost", "wrong", "healed"] as const) row[key] += once[key];
    row.told ||= once.told ?? "";
  }
  return row;
}

/** Removes a folder into which somebody writes: that takes more than one step. */
async function takeAway(place: string): Promise<void> {
  await Deno.rename(place, `${place}.gone`);
  for (;;) {
    try {
      return await Deno.remove(`${place}.gone`, { recursive: true });
    } catch { /* A file has come since. */ }
  }
}

/** Takes the folder away while a writer is at work: it is to say so, or to make it again. */
export function vanishing(store: string, times: number): Promise<Row> {
  return inFolder(async (folder) => {
    let [kept, wrong, healed, told] = [0, 0, 0, ""];
    for (let time = 0; time < times; time++) {
      const place = `${folder}/${time}`;
      await Deno.mkdir(place);
      await using writer = new Writer(store, place, { from: 0 });
      await writer.takes(3);
      await takeAway(place);
      const isCache = STORES[store]!.isCache === true;
      const ended = !isCache && await writer.ends(20_000);
      if (isCache) await writer.takes(writer.said.kept.length + 5);
      await writer.kill();
      kept += writer.said.kept.length;
      const { error = "nobody was told" } = writer.said;
      told ||= isCache ? "" : error.replaceAll(place, "FOLDER");
      if (!ended && !isCache) wrong++;
      await Deno.mkdir(place, { recursive: true });
      await using next = new Writer(store, place, { from: LATER, count: 5 });
      if (await next.takes(5)) healed++;
      await next.kill();
      const { found, wrong: bad } = await readStore(store, place);
      const isThere = next.said.kept.every((number) => found.includes(number));
      wrong += bad.length + (isThere ? 0 : 1);
    }
    return { store, fault: "folder goes", tried: times, kept, lost: 0, wrong, healed, told };
  });
}

/** Seconds by which the clock jumps, one after the other. */
const JUMPS: Readonly<Record<string, number>> = {
  "clock forwards": 3600 * 24 * 40,
  "clock backwards": -3600 * 24 * 40,
};

/** The library by which a clock can be moved. */
const FAKETIME = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1")[0];

/** Moves the clock under a writer, over and over; every second time it is killed, too. */
export function clockJumps(store: string, fault: string, times: number): Promise<Row> {
  return inFolder(async (folder) => {
    const nothing = { kept: 0, lost: 0, wrong: 0, healed: 0, tried: 0 };
    if (!FAKETIME) return { store, fault, ...nothing, told: "not tried: libfaketime is not here" };
    const clock = `${folder}/clock`;
    const env = {
      ...{ LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: clock },
      ...{ FAKETIME_NO_CACHE: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1" },
    };
    const place = `${folder}/place`;
    await Deno.mkdir(place);
    const kept = new Kept();
    let [healed, failure] = [0, ""];
    for (let jump = 0; jump < times; jump += 2) {
      await Deno.writeTextFile(clock, seconds(JUMPS[fault]! * jump));
      await using writer = new Writer(store, place, { from: kept.next, env });
      if (await writer.takes(5)) healed++;
      await Deno.writeTextFile(clock, seconds(JUMPS[fault]! * (jump + 1)));
      if (await writer.takes(writer.said.kept.length + 5)) healed++;
      await writer.kill();
      kept.add(writer.said.kept);
      failure ||= writer.said.error ?? "";
    }
    const contents = await readStore(store, place);
    return { store, fault, tried: times, healed, ...kept.after(contents, failure) };
  });
}

const seconds = (value: number) => `${value < 0 ? "" : "+"}${value}`;

/** Kinds of disks and of clocks. */
export const [DISK_FAULTS, CLOCK_FAULTS] = [Object.keys(DISKS), Object.keys(JUMPS)] as const;
