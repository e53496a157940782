/**
 * A file of the cameras' regions, `--regions regions.json`, which is read again when it changes.
 *
 * @module
 */
import { writeWhole } from "@vcs/transport/internal";
import { parseRegions, type Regions, type RegionsByCamera } from "../measures/regions.ts";
import type { WatchSettings } from "../command/options.ts";
import type { CameraSetting } from "./cameras_file.ts";
import { type ChangingFileOptions, lineOf, states, textOf } from "./changing_file.ts";

/** What a file says; one that is not there yet says nothing. */
async function look(path: string): Promise<RegionsByCamera | string> {
  try {
    return parseRegions(await textOf(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return error instanceof Deno.errors.NotFound ? {} : lineOf(path, error);
  }
}

/** The file as a page reads and writes it, whose viewers draw. */
export class RegionsFile {
  readonly #path: string;
  #saving: Promise<void> = Promise.resolve();

  /** Makes one of a file that need not be there yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * What the file says of a camera, if anything.
   *
   * @throws {SyntaxError} if the file cannot be read
   */
  async of(camera: string): Promise<Regions | undefined> {
    const file = await this.#read();
    return Object.hasOwn(file, camera) ? file[camera] : undefined;
  }

  /**
   * Puts a camera's regions into the file, one after the other; the others' stay.
   *
   * @param value what is said to be regions
   * @throws {SyntaxError} if they are none, or the file cannot be read
   */
  save(camera: string, value: unknown): Promise<void> {
    const saved = this.#saving.then(async () => {
      const cameras = { ...await this.#read(), [camera]: value };
      const text = JSON.stringify({ cameras: parseRegions(JSON.stringify({ cameras })) });
      await writeWhole(this.#path, `${text}\n`);
    });
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async #read(): Promise<RegionsByCamera> {
    const file = await look(this.#path);
    if (typeof file === "string") throw new SyntaxError(file);
    return file;
  }
}

/**
 * The regions of a file, and those of each later state of it until the signal is aborted.
 *
 * @throws {UsageError} if the first state cannot be read
 */
export function readRegions(
  path: string,
  options: ChangingFileOptions,
): AsyncGenerator<RegionsByCamera> {
  return states(() => look(path), options);
}

/**
 * What people should know of a file: that it is not there, or names cameras that nobody watches.
 *
 * @param path the file, as it was named
 */
export async function doubtOf(
  path: string,
  file: RegionsByCamera,
  cameras: readonly CameraSetting[],
): Promise<string | undefined> {
  const isThere = await Deno.stat(path).then(() => true, () => false);
  if (!isThere) return `${path} does not exist yet; its regions count from when it does`;
  const names = new Set(cameras.map(({ name }) => name));
  const unknown = Object.keys(file).filter((name) => !names.has(name));
  return unknown.length === 0
    ? undefined
    : `${path} has regions of no camera here: ${unknown.join(", ")}`;
}

/** A camera with what counts of its picture: what the file says of it, else what its options say. */
export function withRegions(
  { name, spec, own }: CameraSetting,
  settings: Pick<WatchSettings, "roi" | "mask">,
  file: RegionsByCamera,
): CameraSetting {
  const { roi, mask } = { ...settings, ...own };
  const regions: Regions = Object.hasOwn(file, name) ? file[name]! : { roi, mask };
  const isAll = regions.roi.length + regions.mask.length === 0;
  return { name, spec, own, ...(!isAll && { regions }) };
}

/** The latest of two, each time that there is a new one of either, until both have ended. */
export async function* latestOfBoth<A, B>(
  first: AsyncIterator<A, void>,
  second: AsyncIterator<B, void>,
): AsyncGenerator<readonly [A, B], void> {
  const [a, b] = [await first.next(), await second.next()];
  if (a.done || b.done) return;
  const latest: [A, B] = [a.value, b.value];
  const ask = <T>(from: AsyncIterator<T, void>, at: 0 | 1) =>
    from.next().then((next) => ({ next, at }));
  const asked = new Map<number, Promise<{ next: IteratorResult<A | B, void>; at: 0 | 1 }>>();
  asked.set(0, ask(first, 0)).set(1, ask(second, 1));
  yield [...latest];
  while (asked.size > 0) {
    const { next, at } = await Promise.race(asked.values());
    asked.delete(at);
    if (next.done) continue;
    latest[at] = next.value as A & B;
    asked.set(at, ask<A | B>(at === 0 ? first : second, at));
    yield [...latest];
  }
}
