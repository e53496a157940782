/**
 * One process at a time, by a lock of the operating system, which ends with the process.
 *
 * @module
 */
import { type Clock, systemClock } from "../flow/clock.ts";

/** Milliseconds between two attempts to get a lock. */
const PACE = 100;

/** Settings of {@linkcode withLock}. */
export interface LockOptions {
  /** Called once where another holds the lock. */
  readonly onWait?: () => void;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

/**
 * Works while it holds the lock of a file, which is made where it is missing and stays: whoever
 * removes a lock file takes it from under those who wait for it.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { onWait = () => {}, signal, clock = systemClock }: LockOptions = {},
): Promise<T> {
  using file = await Deno.open(path, { write: true, create: true });
  for (let waits = false; !await file.tryLock(true); waits = true) {
    if (!waits) onWait();
    await clock.sleep(PACE, signal);
  }
  return await work();
}
