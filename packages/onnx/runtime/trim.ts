/**
 * Gives memory back to the system once sessions are opened or closed: glibc keeps what they held, a
 * gigabyte after twenty models of 20 MB, and what reading a model took beside the model itself, some
 * 60 MB for one of 30.
 *
 * @module
 */

/** `M_MMAP_THRESHOLD` of glibc's `mallopt`. */
const MMAP_THRESHOLD = -3;

/**
 * Blocks of at least so many bytes have pages of their own, which go back when they are released.
 * Left to itself glibc raises this to 32 MB, and a thread's heap keeps up to 64 MB at its end.
 */
const OWN_PAGES = 16 * 2 ** 20;

/** The function that gives memory back; undefined where the C library has none. */
function find(): ((keep: bigint) => number) | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const { symbols } = Deno.dlopen(
      "libc.so.6",
      {
        malloc_trim: { parameters: ["usize"], result: "i32" },
        mallopt: { parameters: ["i32", "i32"], result: "i32" },
      } as const,
    );
    symbols.mallopt(MMAP_THRESHOLD, OWN_PAGES);
    return symbols.malloc_trim;
  } catch {
    return undefined; // Not glibc.
  }
}

let found: { readonly trim: ReturnType<typeof find> } | undefined;
let isDue = false;

/** Sets the allocator up, before a first session is opened. */
export function prepareMemory(): void {
  found ??= { trim: find() };
}

/** Gives free memory back soon: once for all sessions that are opened or closed in one go. */
export function trimMemory(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    found?.trim?.(0n);
  });
}
