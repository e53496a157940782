/**
 * Keys from the terminal, a browser window for the page, and the wait for the end.
 *
 * @module
 */
import { abortable, type Environment, environment, ignoreAbort } from "@vcs/transport/internal";

/** q, Q, Esc, and the Ctrl-C of a terminal that makes no signal of it. */
const QUIT_KEYS = new Set(["q", "Q", "\x1b", "\x03"]);

/** The terminal that keys are read from: `Deno.stdin`, or what stands for it in a test. */
export type Keyboard = Pick<typeof Deno.stdin, "isTerminal" | "setRaw" | "read">;

/** Makes every key arrive at once; Ctrl-C stays a signal where the system can do that. */
function setRaw(keyboard: Keyboard): void {
  try {
    keyboard.setRaw(true, { cbreak: true });
  } catch {
    // Windows has no cbreak.
    keyboard.setRaw(true);
  }
}

/** Calls back when q, Q or Esc is pressed; nothing if there is no terminal. */
export function readKeys(onQuit: () => void, keyboard: Keyboard = Deno.stdin): Disposable {
  if (!keyboard.isTerminal()) return { [Symbol.dispose]() {} };
  setRaw(keyboard);
  const listen = async () => {
    const bytes = new Uint8Array(16);
    for (let n = await keyboard.read(bytes); n !== null; n = await keyboard.read(bytes)) {
      const key = new TextDecoder().decode(bytes.subarray(0, n));
      if (QUIT_KEYS.has(key)) onQuit();
    }
  };
  void listen().catch(() => {});
  return { [Symbol.dispose]: () => setCooked(keyboard) };
}

function setCooked(keyboard: Keyboard): void {
  try {
    keyboard.setRaw(false);
  } catch {
    // The terminal has hung up.
  }
}

/** The program that opens URLs on a system; none of them is a shell, to which `&` means something. */
const OPENERS: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  darwin: ["open"],
  windows: ["rundll32", "url.dll,FileProtocolHandler"],
  linux: ["xdg-open"],
};

/** The words of the program that opens URLs; undefined where nobody would see a window. */
export function windowOpener(
  os: typeof Deno.build.os = Deno.build.os,
  env: Environment = environment,
): readonly string[] | undefined {
  const hasScreen = os !== "linux" || ["DISPLAY", "WAYLAND_DISPLAY"].some((name) => env.get(name));
  return hasScreen ? OPENERS[os] : undefined;
}

/** Opens a URL in the browser of a person who sits at a screen. */
export function openWindow(url: string): void {
  const [program, ...args] = windowOpener() ?? [];
  if (!Deno.stderr.isTerminal() || program === undefined) return;
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
