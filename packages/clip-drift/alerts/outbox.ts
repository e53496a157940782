/**
 * Alerts that are not delivered yet, as files, so that a process that is killed loses none. Each
 * process has a folder with a lock; at its start it takes over what those that have ended left.
 *
 * @module
 */
import { join } from "node:path";
import { isFile, writeWhole } from "@vcs/transport/internal";
import type { SentAlert } from "./sent_alert.ts";

/** An alert that waits for a target. */
export interface KeptAlert {
  /** Name of the target. */
  readonly target: string;
  /** The alert. */
  readonly alert: SentAlert;
}

/** Largest file that is read as an alert: they may hold a picture. */
const LARGEST = 16 << 20;

const isKept = (value: unknown): value is KeptAlert =>
  typeof value === "object" && value !== null && "target" in value && "alert" in value &&
  typeof value.target === "string" && typeof value.alert === "object" && value.alert !== null;

/** Reads an alert; what is none is left where it is. */
async function read(path: string): Promise<KeptAlert | undefined> {
  const { isFile, size } = await Deno.lstat(path);
  if (!isFile || size > LARGEST) return undefined;
  try {
    const value: unknown = JSON.parse(await Deno.readTextFile(path));
    return isKept(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The folder of this process. */
export class Outbox implements AsyncDisposable {
  readonly #root: string;
  readonly #folder: string;
  readonly #lock: Deno.FsFile;
  #count = 0;

  private constructor(root: string, folder: string, lock: Deno.FsFile) {
    this.#root = root;
    this.#folder = folder;
    this.#lock = lock;
  }

  /**
   * Makes a folder in the folder of all runs.
   *
   * @throws {Deno.errors} of the system
   */
  static async open(runs: string): Promise<Outbox> {
    const root = join(runs, "undelivered");
    const folder = join(root, crypto.randomUUID().slice(0, 8));
    for (;;) {
      await Deno.mkdir(folder, { recursive: true });
      const lock = await Deno.open(join(folder, "lock"), { create: true, write: true });
      await lock.lock(true);
      // Another start may have taken the new folder for one that was left, and removed it.
      if (await isFile(join(folder, "lock"))) return new Outbox(root, folder, lock);
      lock.close();
    }
  }

  /**
   * Writes an alert so that it survives the process.
   *
   * @returns its file, to be removed once it is delivered
   * @throws {Deno.errors} of the system, for example if the disk is full
   */
  async keep(kept: KeptAlert): Promise<string> {
    const number = String(this.#count++).padStart(6, "0");
    const path = join(this.#folder, `${Date.now()}_${number}.json`);
    await writeWhole(path, new TextEncoder().encode(JSON.stringify(kept)));
    return path;
  }

  /**
   * Takes over, in their order, what ended processes left for one of these targets.
   *
   * @param onFailure called with a folder that cannot be read; the others are taken over
   */
  async takeOver(
    targets: readonly string[],
    onFailure: (folder: string, error: Error) => void = () => {},
  ): Promise<(KeptAlert & { file: string })[]> {
    const taken: (KeptAlert & { file: string })[] = [];
    for await (const { name, isDirectory } of Deno.readDir(this.#root)) {
      const folder = join(this.#root, name);
      if (!isDirectory || folder === this.#folder) continue;
      try {
        taken.push(...await this.#empty(folder, targets));
      } catch (error) {
        // Another start that took it over at the same time has removed it.
        if (!(error instanceof Deno.errors.NotFound)) onFailure(folder, error as Error);
      }
    }
    return taken.sort((a, b) => a.alert.time - b.alert.time);
  }

  /** Takes what is in a folder, unless its process lives. */
  async #empty(folder: string, targets: readonly string[]) {
    const lock = await Deno.open(join(folder, "lock"), { create: true, write: true });
    const taken: (KeptAlert & { file: string })[] = [];
    try {
      if (!await lock.tryLock(true)) return taken;
      for await (const { name } of Deno.readDir(folder)) {
        const kept = name.endsWith(".json") ? await read(join(folder, name)) : undefined;
        if (kept === undefined || !targets.includes(kept.target)) continue;
        const file = await this.keep(kept);
        await Deno.remove(join(folder, name));
        taken.push({ ...kept, file });
      }
      await removeIfEmpty(folder);
    } finally {
      lock.close();
    }
    return taken;
  }

  /** Gives the lock back; what was not delivered stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock.close();
    await removeIfEmpty(this.#folder);
    await Deno.remove(this.#root).catch(() => {});
  }
}

/** Removes a folder in which there is a lock alone. */
async function removeIfEmpty(folder: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  if (names.some((name) => name !== "lock")) return;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
}
