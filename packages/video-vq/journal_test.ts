import { encodeMessage, message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { WindowJournal } from "./journal.ts";

const window = (sequence: number) =>
  message(new Uint8Array(50).fill(sequence), { sequence, streamId: "00000000000000aa" });

async function withPath(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/journal`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("journal: what was appended comes back, in order, over several lives", async () => {
  await withPath(async (path) => {
    for (let life = 0; life < 3; life++) {
      using journal = await WindowJournal.open(path);
      const found = await Array.fromAsync(journal.messages());
      assert.deepEqual(found, Array.from({ length: 2 * life }, (_, i) => window(i)));
      await journal.append(window(2 * life));
      await journal.append(window(2 * life + 1));
    }
    assert.equal((await Array.fromAsync(WindowJournal.read(path))).length, 6);
  });
});

Deno.test("journal: a message that was cut off is left out, and the next one takes its place", async () => {
  await withPath(async (path) => {
    const bytes = encodeMessage(window(1));
    for (let cut = 0; cut < bytes.length; cut += 7) {
      await Deno.writeFile(
        path,
        [...encodeMessage(window(0)), ...bytes.subarray(0, cut)]
          .reduce((all, byte, i) => (all[i] = byte, all), new Uint8Array(bytes.length + cut)),
      );
      {
        using journal = await WindowJournal.open(path);
        assert.deepEqual(await Array.fromAsync(journal.messages()), [window(0)]);
        await journal.append(window(5));
      }
      const found = await Array.fromAsync(WindowJournal.read(path));
      assert.deepEqual(found, [window(0), window(5)]);
    }
  });
});

Deno.test("journal: damaged bytes end it, and are never given out as a window", async () => {
  await withPath(async (path) => {
    const bytes = new Uint8Array(
      [window(0), window(1), window(2)].flatMap((m) => [...encodeMessage(m)]),
    );
    for (const bad of mutations(bytes, 200)) {
      await Deno.writeFile(path, bad);
      const found = await Array.fromAsync(WindowJournal.read(path));
      for (const [i, read] of found.entries()) assert.deepEqual(read, window(i));
    }
  });
});
