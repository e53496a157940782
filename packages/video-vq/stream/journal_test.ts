import { encodeMessage, type Message, message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { VideoVqError } from "../errors.ts";
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

Deno.test("journal: an unfinished message is truncated, and the next one takes its place", async () => {
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

Deno.test("journal: damage inside it is reported with file and place, and nothing is truncated", async () => {
  await withPath(async (path) => {
    const one = encodeMessage(window(0)).length;
    const bytes = new Uint8Array(10 * one);
    for (let i = 0; i < 10; i++) bytes.set(encodeMessage(window(i)), i * one);
    // A byte of the magic, of the payload's length (so that it reaches past the end), of the rest.
    for (const at of [3 * one, 3 * one + 42, 3 * one + 60, 9 * one + 60]) {
      const damaged = bytes.slice();
      damaged[at]! ^= 8;
      await Deno.writeFile(path, damaged);
      using journal = await WindowJournal.open(path);
      const place = Math.floor(at / one) * one;
      await assert.rejects(Array.fromAsync(journal.messages()), (error) => {
        assert(error instanceof VideoVqError && error.code === "bad-journal");
        assert.match(error.message, new RegExp(`${path}.* byte ${place} `));
        return true;
      });
      assert.deepEqual(await Deno.readFile(path), damaged, `byte ${at}`);
    }
  });
});

Deno.test("journal: a file that is something else is refused as it is", async () => {
  await withPath(async (path) => {
    for (const text of ["notes\n".repeat(1000), "short", "V"]) {
      await Deno.writeTextFile(path, text);
      using journal = await WindowJournal.open(path);
      const reading = Array.fromAsync(journal.messages());
      if (text === "V") await reading; // may be the first byte of a message
      else await assert.rejects(reading, { code: "bad-journal" });
      assert.equal((await Deno.readTextFile(path)).length, text === "V" ? 0 : text.length);
    }
  });
});

Deno.test("journal: messages appended at once stand one behind the other", async () => {
  await withPath(async (path) => {
    {
      using journal = await WindowJournal.open(path);
      await Array.fromAsync(journal.messages());
      await Promise.all([0, 1, 2, 3].map((sequence) => journal.append(window(sequence))));
    }
    const found = await Array.fromAsync(WindowJournal.read(path));
    assert.deepEqual(found, [0, 1, 2, 3].map(window));
  });
});

Deno.test("journal: damaged bytes never become a window", async () => {
  await withPath(async (path) => {
    const bytes = new Uint8Array(
      [window(0), window(1), window(2)].flatMap((m) => [...encodeMessage(m)]),
    );
    for (const bad of mutations(bytes, 200)) {
      await Deno.writeFile(path, bad);
      const found: Message[] = [];
      try {
        for await (const read of WindowJournal.read(path)) found.push(read);
      } catch (error) {
        assert(error instanceof VideoVqError && error.code === "bad-journal", String(error));
      }
      for (const [i, read] of found.entries()) assert.deepEqual(read, window(i));
    }
  });
});

Deno.test({
  name: "journal: a file that was removed takes no more messages",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withPath(async (path) => {
      using journal = await WindowJournal.open(path);
      await journal.append(window(0));
      await Deno.remove(path);
      await assert.rejects(journal.append(window(1)), {
        code: "bad-journal",
        message: `Cannot write journal ${path}: it was removed`,
      });
    }),
});

Deno.test("journal: a message is on the disk before its promise is fulfilled", async () => {
  const path = await Deno.makeTempFile();
  const { syncData } = Deno.FsFile.prototype;
  const done: string[] = [];
  Deno.FsFile.prototype.syncData = async function () {
    await syncData.call(this);
    done.push("synced");
  };
  try {
    using journal = await WindowJournal.open(path);
    await Array.fromAsync(journal.messages());
    for (let sequence = 0; sequence < 2; sequence++) {
      await journal.append(window(sequence));
      done.push("appended");
    }
  } finally {
    Deno.FsFile.prototype.syncData = syncData;
    await Deno.remove(path);
  }
  assert.deepEqual(done, ["synced", "appended", "synced", "appended"]);
});
