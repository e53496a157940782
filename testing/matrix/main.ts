/**
 * Faults that cannot be waited for: `deno task matrix [KILLS] [STORE]` kills writers at random moments, fills
 * and locks their disks, takes their folders away and lets servers lie, and counts what was lost or is
 * wrong afterwards. Writes `testing/reports/matrix.md`; ends with 1 where a promise was broken.
 *
 * @module
 */
import { download } from "@vcs/transport/internal";
import { createHash } from "node:crypto";
import { cut, FaultyServer, good, head, type Script, stall } from "../faulty_server.ts";
import { type Contents, STORES } from "./stores.ts";
import { linesOf, readLines, storeWords, Writer } from "./writer.ts";

/** A line of the report. */
interface Row {
  readonly store: string;
  readonly fault: string;
  readonly tried: number;
  readonly lost: number;
  readonly wrong: number;
  /** How it was told. */
  readonly told: string;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

async function contentsOf(store: string, folder: string): Promise<Contents> {
  const said = readLines(await linesOf(Deno.execPath(), storeWords(store, "read", folder)));
  return said.contents ?? { found: [], wrong: [said.error ?? "it cannot be read"] };
}

function missing(kept: Iterable<number>, { found }: Contents): number {
  const there = new Set(found);
  return [...kept].filter((number) => !there.has(number)).length;
}

/** Kills writers of one folder, one after the other, and then reads it. */
function killed(store: string, kills: number): Promise<Row> {
  return inFolder(async (folder) => {
    const kept = new Set<number>();
    let failed = "";
    for (let kill = 0; kill < kills; kill++) {
      await using writer = new Writer(store, folder, Math.max(-1, ...kept) + 1);
      while (writer.said.kept.length === 0 && !await writer.ends(5));
      await pause(Math.random() * 100);
      await writer.kill();
      for (const number of writer.said.kept) kept.add(number);
      failed ||= writer.said.error ?? "";
    }
    const contents = await contentsOf(store, folder);
    const wrong = contents.wrong.length + (failed === "" ? 0 : 1);
    const told = failed || contents.wrong[0] || `${kept.size} items kept`;
    return { store, fault: "kill -9", tried: kills, lost: missing(kept, contents), wrong, told };
  });
}

/** Lines of a shell in which folder `$1` is a small disk, `$2` the runtime, and more are its words. */
const FULL = `mount -t tmpfs -o size=400k none "$1"; shift; timeout -s KILL 60 "$@"`;
const LOCKED = `mount -t tmpfs -o size=20m none "$1"; folder="$1"; shift
  timeout -s KILL 8 "$@"; mount -o remount,ro "$folder"; timeout -s KILL 20 "$@"`;

/** Writes on a disk of its own, which becomes full or read-only, and reads it there. */
function onDisk(store: string, fault: string, script: string): Promise<Row | undefined> {
  return inFolder(async (folder) => {
    const write = [Deno.execPath(), ...storeWords(store, "write", folder)];
    const read = [Deno.execPath(), ...storeWords(store, "read", folder)];
    const quoted = read.map((word) => `'${word}'`).join(" ");
    const shell = ["-rm", "sh", "-c", `${script}; ${quoted}`, "sh", folder, ...write];
    const { kept, error, contents } = readLines(await linesOf("unshare", shell));
    if (contents === undefined && kept.length === 0) return undefined;
    const there = contents ?? { found: [], wrong: ["it cannot be read"] };
    const wrong = there.wrong.length + (error === undefined ? 1 : 0);
    const told = error?.replaceAll(folder, "FOLDER") ?? "not at all";
    return { store, fault, tried: kept.length, lost: missing(kept, there), wrong, told };
  });
}

/** Takes the folder away while a writer is at work: it is to say so. */
function vanishing(store: string): Promise<Row> {
  return inFolder(async (folder) => {
    const place = `${folder}/place`;
    await Deno.mkdir(place);
    await using writer = new Writer(store, place, 0);
    while (writer.said.kept.length < 3 && !await writer.ends(5));
    // A folder into which files are written cannot be removed in one step.
    await Deno.rename(place, `${folder}/gone`);
    await Deno.remove(`${folder}/gone`, { recursive: true });
    const ended = await writer.ends(10_000);
    await writer.kill();
    const { error = "not at all", kept } = writer.said;
    const told = ended ? error.replaceAll(place, "FOLDER") : "not at all: it goes on writing";
    return { store, fault: "folder goes", tried: kept.length, lost: 0, wrong: ended ? 0 : 1, told };
  });
}

const FILE = Uint8Array.from({ length: 300_000 }, (_, at) => at * 31 % 251);
const SHA256 = createHash("sha256").update(FILE).digest("hex");
const PAGE = new TextEncoder().encode("<!doctype html><title>Log in</title>");

/** Servers that do not keep their word. */
const LIES: Readonly<Record<string, () => Script>> = {
  "server cuts off": () => cut(FILE, Math.floor(Math.random() * FILE.length)),
  "server stalls": () => stall(FILE, Math.floor(Math.random() * FILE.length)),
  "redirect loop": () => async (_, write) =>
    await write(head(302, { location: "/again", "content-length": 0 })),
  "length too short": () => async (_, write) => {
    await write(head(200, { "content-length": FILE.length - 1000 }));
    await write(FILE);
  },
  "length too long": () => async (_, write) => {
    await write(head(200, { "content-length": FILE.length + 1000 }));
    await write(FILE);
  },
  "a page in place of the file": () => good(PAGE),
  "one bit flipped": () => good(FILE.with(Math.floor(Math.random() * FILE.length), 255)),
};

/** Downloads from a liar, and then from an honest server: nothing wrong may be kept, nothing be stuck. */
function lied(fault: string, lie: () => Script, tried: number): Promise<Row> {
  return inFolder(async (folder) => {
    let [lost, wrong, told] = [0, 0, ""];
    const options = { sha256: SHA256, idleTimeoutSeconds: 0.2, waitSeconds: 0.01, tries: 2 };
    for (let time = 0; time < tried; time++) {
      const path = `${folder}/${time}`;
      await using liar = new FaultyServer(lie());
      await download(liar.url, path, options).catch((error) => told ||= error.message);
      if (!await isRightOrAbsent(path)) wrong++;
      await using honest = new FaultyServer(good(FILE));
      await download(honest.url, path, options).catch(() => lost++);
      if (!await isRightOrAbsent(path)) wrong++;
    }
    const shown = told.replace(/127\.0\.0\.1:\d+/g, "HOST") || "made up for";
    return { store: "download", fault, tried, lost, wrong, told: shown };
  });
}

async function isRightOrAbsent(path: string): Promise<boolean> {
  const bytes = await Deno.readFile(path).catch(() => undefined);
  return bytes === undefined || createHash("sha256").update(bytes).digest("hex") === SHA256;
}

function reportOf(rows: readonly Row[], kills: number): string {
  const lines = rows.map(({ store, fault, tried, lost, wrong, told }) => {
    const words = told.replaceAll("|", "\\|").replace(/\s+/g, " ").slice(0, 160);
    return `| ${[store, fault, tried, lost, wrong, words].join(" | ")} |`;
  });
  return `# Faults

\`deno task matrix ${kills}\` on ${Deno.build.os} ${Deno.build.arch}, Deno ${Deno.version.deno}. A
store's items count as lost where it had said that they stay, and as wrong where they read as something
else, the store cannot be read, or nobody was told. Tried are kills, downloads, or items that were kept
before the fault. Brokers are tried by \`deno task channels\`.

| store | fault | tried | lost | wrong | what was said |
| --- | --- | --- | --- | --- | --- |
${lines.join("\n")}
`;
}

async function* allRows(kills: number, only?: string): AsyncGenerator<Row | undefined> {
  for (const store of Object.keys(STORES).filter((name) => name === (only ?? name))) {
    yield await onDisk(store, "disk full", FULL);
    yield await onDisk(store, "read-only", LOCKED);
    yield await vanishing(store);
    yield await killed(store, kills);
  }
  if (only !== undefined) return;
  for (const [fault, lie] of Object.entries(LIES)) yield await lied(fault, lie, 10);
}

if (import.meta.main) {
  const [kills = "100", only] = Deno.args;
  const rows: Row[] = [];
  for await (const row of allRows(Number(kills), only)) {
    if (row === undefined) print("not here: no disk of its own could be made");
    else print(`${row.store}, ${row.fault}: ${row.lost} lost, ${row.wrong} wrong; ${row.told}`);
    if (row) rows.push(row);
  }
  if (only === undefined) {
    const report = new URL("../reports/matrix.md", import.meta.url);
    await Deno.writeTextFile(report, reportOf(rows, Number(kills)));
  }
  Deno.exit(rows.some(({ lost, wrong }) => lost + wrong > 0) ? 1 : 0);
}
