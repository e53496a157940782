import assert from "node:assert/strict";
import { readKeys, windowOpener } from "./terminal.ts";

/** A terminal on which keys are pressed, with or without cbreak. */
function keyboard(hasCbreak: boolean, ...keys: string[]) {
  const modes: string[] = [];
  const device = {
    isTerminal: () => true,
    setRaw(mode: boolean, options?: { cbreak: boolean }) {
      if (options?.cbreak && !hasCbreak) throw new Deno.errors.NotSupported("cbreak");
      modes.push(mode ? options?.cbreak ? "cbreak" : "raw" : "usual");
    },
    read(bytes: Uint8Array): Promise<number | null> {
      const key = keys.shift();
      return Promise.resolve(
        key === undefined ? null : new TextEncoder().encodeInto(key, bytes).written,
      );
    },
  };
  return { device, modes };
}

/** How often the keys asked for the end, and the modes that the terminal was in. */
async function press(hasCbreak: boolean, ...keys: string[]) {
  const { device, modes } = keyboard(hasCbreak, ...keys);
  let quits = 0;
  const done = Promise.withResolvers<void>();
  const read = async (bytes: Uint8Array) => {
    const n = await device.read(bytes);
    if (n === null) done.resolve();
    return n;
  };
  {
    using _keys = readKeys(() => quits++, { ...device, read });
    await done.promise;
  }
  return { quits, modes };
}

Deno.test("q, Q and Esc end, other keys do not", async () => {
  const { quits, modes } = await press(true, "x", "q", "Q", "\x1b", "\x1b[A");
  assert.equal(quits, 3);
  assert.deepEqual(modes, ["cbreak", "usual"]);
});

Deno.test("without cbreak keys are raw, and Ctrl-C is one of them", async () => {
  assert.deepEqual(await press(false, "x", "\x03"), { quits: 1, modes: ["raw", "usual"] });
});

Deno.test("each system opens a browser by its own program, where there is a screen", () => {
  const env = (...set: string[]) => ({
    get: (name: string) => set.includes(name) ? ":0" : undefined,
  });
  assert.deepEqual(windowOpener("darwin", env()), ["open"]);
  assert.deepEqual(windowOpener("windows", env()), ["rundll32", "url.dll,FileProtocolHandler"]);
  assert.deepEqual(windowOpener("linux", env("WAYLAND_DISPLAY")), ["xdg-open"]);
  assert.deepEqual(windowOpener("linux", env("DISPLAY")), ["xdg-open"]);
  assert.equal(windowOpener("linux", env()), undefined);
  assert.equal(windowOpener("freebsd", env()), undefined);
});
