/**
 * Waits of tests.
 *
 * @module
 */

/**
 * Waits until a number has not changed for a while, so that a bound that does not hold is seen to
 * be passed. On a busy machine it may not be seen; a bound that holds is never reported.
 */
export async function quiet(value: () => number): Promise<void> {
  let last = value();
  for (let since = performance.now(); performance.now() - since < 300;) {
    if (value() !== last) since = performance.now();
    last = value();
    await sleep(10);
  }
}

/** Waits until something is so. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5);
}

/** Waits some milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a file is there. */
export async function appears(path: string): Promise<void> {
  while (!await Deno.stat(path).then(() => true, () => false)) await sleep(10);
}
