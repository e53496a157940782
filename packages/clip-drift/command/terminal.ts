/**
 * Keys from the terminal, a browser window for the page, and the wait for the end.
 *
 * @module
 */
import { abortable, ignoreAbort } from "@vcs/transport/internal";

const QUIT_KEYS = new Set(["q", "Q", "\x1b"]);

/** Calls back when q, Q or Esc is pressed; nothing if there is no terminal. */
export function readKeys(onQuit: () => void): Disposable {
  if (!Deno.stdin.isTerminal()) return { [Symbol.dispose]() {} };
  // Ctrl-C stays a signal.
  Deno.stdin.setRaw(true, { cbreak: true });
  const listen = async () => {
    const bytes = new Uint8Array(16);
    for (let n = await Deno.stdin.read(bytes); n !== null; n = await Deno.stdin.read(bytes)) {
      const key = new TextDecoder().decode(bytes.subarray(0, n));
      if (QUIT_KEYS.has(key)) onQuit();
    }
  };
  void listen().catch(() => {});
  return { [Symbol.dispose]: () => Deno.stdin.setRaw(false) };
}

/** The program that opens URLs on this system. */
const OPENERS: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  darwin: ["open"],
  windows: ["cmd", "/c", "start", ""],
  linux: ["xdg-open"],
};

/** Opens a URL in the browser of a person who sits at a screen. */
export function openWindow(url: string): void {
  const hasScreen = Deno.build.os !== "linux" || Deno.env.has("DISPLAY") ||
    Deno.env.has("WAYLAND_DISPLAY");
  const [program, ...args] = OPENERS[Deno.build.os] ?? [];
  if (!hasScreen || !Deno.stderr.isTerminal() || program === undefined) return;
  try {
    const settings = { stdin: "null", stdout: "null", stderr: "null" } as const;
    new Deno.Command(program, { args: [...args, url], ...settings }).spawn().unref();
  } catch {
    // The URL was printed, too.
  }
}

/** Waits until the signal is aborted. */
export async function untilAbort(signal: AbortSignal): Promise<void> {
  await abortable(new Promise<never>(() => {}), signal).catch(ignoreAbort(signal));
}
