/**
 * Faults that cannot be waited for: `deno task matrix [KILLS] [STORE]` kills writers at random moments, fills
 * and locks their disks, takes their folders away, moves their clocks and lets servers lie, and counts
 * what was lost or is wrong afterwards. Writes `testing/reports/matrix.md`; ends with 1 where a promise
 * was broken.
 *
 * @module
 */
import { mapOrdered } from "../../packages/transport/batch/ordered.ts";
import { CLOCK_FAULTS, clockJumps, DISK_FAULTS, killed, onDisk, vanishing } from "./faults.ts";
import { lied, LIES } from "./lies.ts";
import { serveItems, SERVER } from "./model_stores.ts";
import { inFolder, reportOf, type Row } from "./row.ts";
import { STORES } from "./stores.ts";

/** Faults at once. */
const JOBS = 3;

/** Times that faults other than kills are tried for each hundred kills. */
const TIMES = 10;

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** All faults, to be tried. */
async function* allFaults(kills: number, only?: string): AsyncGenerator<() => Promise<Row>> {
  const times = Math.max(2, Math.ceil(kills / 100 * TIMES));
  for (const store of Object.keys(STORES).filter((name) => name === (only ?? name))) {
    for (const fault of DISK_FAULTS) yield () => onDisk(store, fault, Math.ceil(times / 3));
    yield () => vanishing(store, Math.ceil(times / 3));
    for (const fault of CLOCK_FAULTS) yield () => clockJumps(store, fault, times);
    yield () => killed(store, kills);
  }
  if (only !== undefined) return;
  for (const fault of Object.keys(LIES)) yield () => lied(fault, times);
  await Promise.resolve();
}

async function tryAll(kills: number, only?: string): Promise<Row[]> {
  const rows: Row[] = [];
  const tried = mapOrdered(allFaults(kills, only), JOBS, (fault) => fault());
  for await (const row of tried) {
    const { store, fault, lost, wrong, healed, told } = row;
    print(
      `${store}, ${fault}: ${row.tried} tried, ${lost} lost, ${wrong} wrong, ${healed} healed; ${told}`,
    );
    rows.push(row);
  }
  return rows;
}

const isKept = ({ tried, lost, wrong, healed }: Row) => lost + wrong === 0 && healed === tried;

if (import.meta.main) {
  const [kills = "100", only] = Deno.args;
  await using server = serveItems();
  Deno.env.set(SERVER, `http://127.0.0.1:${server.addr.port}`);
  const rows = await inFolder((folder) => {
    // What processes that are killed leave there goes with it.
    Deno.env.set("TMPDIR", folder);
    return tryAll(Number(kills), only);
  });
  if (only === undefined) {
    const report = new URL("../reports/matrix.md", import.meta.url);
    await Deno.writeTextFile(report, reportOf(rows, Number(kills)));
  }
  Deno.exit(rows.every(isKept) ? 0 : 1);
}
