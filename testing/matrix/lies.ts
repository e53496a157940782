/**
 * Servers that do not keep their word, and what a download makes of them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { download } from "@vcs/transport/internal";
import { cut, FaultyServer, good, head, type Script, stall } from "../faulty_server.ts";
import { inFolder, type Row } from "./row.ts";

const FILE = Uint8Array.from({ length: 300_000 }, (_, at) => at * 31 % 251);
const SHA256 = createHash("sha256").update(FILE).digest("hex");
const PAGE = new TextEncoder().encode("<!doctype html><title>Log in</title>");

const anywhere = () => Math.floor(Math.random() * FILE.length);

/** Servers that do not keep their word. */
export const LIES: Readonly<Record<string, () => Script>> = {
  "server cuts off": () => cut(FILE, anywhere()),
  "server stalls": () => stall(FILE, anywhere()),
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
  "one bit flipped": () => {
    const at = anywhere();
    return good(FILE.with(at, FILE[at]! ^ 1));
  },
};

async function isRightOrAbsent(path: string): Promise<boolean> {
  const bytes = await Deno.readFile(path).catch(() => undefined);
  return bytes === undefined || createHash("sha256").update(bytes).digest("hex") === SHA256;
}

/** Downloads from a liar, and then from an honest server: nothing wrong may be kept, nothing be stuck. */
export function lied(fault: string, tried: number): Promise<Row> {
  return inFolder(async (folder) => {
    let [healed, wrong, told] = [0, 0, ""];
    const options = { sha256: SHA256, idleTimeoutSeconds: 0.2, waitSeconds: 0.01, tries: 2 };
    for (let time = 0; time < tried; time++) {
      const path = `${folder}/${time}`;
      await using liar = new FaultyServer(LIES[fault]!());
      await download(liar.url, path, options).catch((error) => told ||= error.message);
      if (!await isRightOrAbsent(path)) wrong++;
      await using honest = new FaultyServer(good(FILE));
      // A machine that is busy may let a good server look stalled.
      const patient = { ...options, idleTimeoutSeconds: 30 };
      await download(honest.url, path, patient).then(() => healed++, () => {});
      if (!await isRightOrAbsent(path)) wrong++;
    }
    const shown = told.replace(/127\.0\.0\.1:\d+/g, "HOST") || "made up for";
    return { store: "download", fault, tried, kept: 0, lost: 0, wrong, healed, told: shown };
  });
}
