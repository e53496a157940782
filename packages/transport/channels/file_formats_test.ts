import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { mutations } from "#testing/fuzz.ts";
import { until } from "../testing/waits.ts";
import { openReceiver, openSender } from "../channel.ts";
import type { TransportError } from "../errors.ts";
import { type Message, message, newStreamId } from "../message.ts";
import { messageTensors, tensorMessage } from "../formats/message_tensors.ts";
import { readSafetensors } from "../safetensors.ts";
import { tensor } from "../tensor.ts";
import { FILE_FORMATS } from "./file_formats.ts";

const quant = tensor(
  "F32",
  [1, 18, 5, 16, 16],
  Float32Array.from({ length: 23_040 }, (_, i) => i % 2),
);
const fields = {
  streamId: "00000000000000ab",
  sequence: 12,
  pts: 1.25,
  modelId: "00000000000000cd",
  key: true,
  afterDrop: true,
};
const named = { sequence: 12, end: false };

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await work(folder).finally(() => Deno.remove(folder, { recursive: true }));
}

async function writeAll(url: string, messages: Message[]): Promise<void> {
  await using sender = await openSender(url);
  for (const message of messages) await sender.send(message);
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("file: safetensors files keep every field and the tensors", () => {
  const { write, read } = FILE_FORMATS.safetensors!;
  for (const sent of [tensorMessage({ quant }, fields), message(new Uint8Array([1, 2]), fields)]) {
    assert.deepEqual(read!(write(sent), { sequence: 99, end: true }), sent);
  }
  const bytes = write(tensorMessage({ quant }, fields));
  assert.deepEqual(readSafetensors(bytes).tensors.get("quant"), quant);
});

Deno.test("file: a safetensors file that was written here can be sent again", () => {
  const { write, read } = FILE_FORMATS.safetensors!;
  const file = write(tensorMessage({ quant }, { ...fields, sequence: 3 }));
  const got = read!(write(message(file, { ...fields, format: "safetensors" })), named);
  assert.equal(got.sequence, fields.sequence);
  assert.deepEqual(messageTensors(got).get("quant"), quant);
});

Deno.test("file: a safetensors file of somebody else is a message too", () => {
  const foreign = tensorMessage({ quant }).payload.slice();
  const read = FILE_FORMATS.safetensors!.read!(foreign, named);
  assert.equal(read.sequence, 12);
  assert.deepEqual(messageTensors(read).get("quant"), quant);
});

Deno.test("file: damaged safetensors files are found", () => {
  const { write, read } = FILE_FORMATS.safetensors!;
  const good = write(message(new Uint8Array(64).fill(1), fields));
  let found = 0;
  for (const bytes of mutations(good, 1000)) {
    try {
      const got = read!(bytes as Uint8Array<ArrayBuffer>, named);
      // What still reads is the message that was written, or has lost all of our fields.
      if (got.streamId === fields.streamId) {
        assert.deepEqual(got.payload, new Uint8Array(64).fill(1));
      }
    } catch (error) {
      assert.match((error as Error).name, /TransportError|RangeError/, String(error));
      found++;
    }
  }
  assert.ok(found > 500);
});

Deno.test("file: npy and raw files keep the payload alone", () => {
  const sent = tensorMessage({ quant }, fields);
  const { npy, raw } = FILE_FORMATS;
  assert.deepEqual(messageTensors(npy!.read!(npy!.write(sent), named)).get("payload"), quant);
  const bytes = raw!.write(sent);
  assert.equal(bytes.length, 92_160);
  assert.deepEqual(raw!.read!(bytes, named).payload, bytes);
  const packed = message(new Uint8Array([5, 6]), fields);
  assert.deepEqual(npy!.read!(npy!.write(packed), named).payload, packed.payload);
});

Deno.test("file: formats of one tensor refuse several", () => {
  const several = tensorMessage({ a: quant, b: quant });
  for (const name of ["npy", "raw"]) {
    assert.throws(() => FILE_FORMATS[name]!.write(several), { code: "unsupported" });
  }
});

Deno.test("file: names are numbers, and a sender goes on after the last", () =>
  inFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}?format=raw&prefix=quant`;
    const at = (sequence: number) => message(new Uint8Array([1]), { sequence });
    await writeAll(url, [at(0), at(1), at(999), at(1000)]);
    await writeAll(url, [at(0), message(new Uint8Array(0), { sequence: 1, end: true })]);
    const expected = ["000", "001", "999", "1000", "1001", "1002.end"];
    assert.deepEqual(names(folder), expected.map((n) => `quant_${n}.bin`).sort());
    await using receiver = await openReceiver(url);
    const got = await Array.fromAsync(receiver);
    assert.deepEqual(got.map(({ sequence }) => sequence), [0, 1, 999, 1000, 1001, 1002]);
    assert.equal(names(folder).length, 6);
  }));

Deno.test("file: a folder may have any name, a URL no host and no % of its own", () =>
  inFolder(async (folder) => {
    for (const name of ["café au lait", "50% off", "a#b?c"]) {
      const path = `${folder}/${name}`;
      await writeAll(pathToFileURL(path).href, [message(new Uint8Array([1]), { end: true })]);
      assert.deepEqual(names(path), ["window_000.end.safetensors"]);
    }
    for (const url of ["file:///tmp/50%/", "file://elsewhere/tmp/x"]) {
      await assert.rejects(openSender(url), {
        name: "RangeError",
        message: /Cannot use the folder/,
      });
    }
  }));

Deno.test("file: what was sent is written, whatever becomes of the payload", () =>
  inFolder(async (folder) => {
    const url = pathToFileURL(folder).href;
    const payload = new Uint8Array(8);
    await using sender = await openSender(url);
    for (let sequence = 0; sequence < 4; sequence++) {
      await sender.send(message(payload.fill(sequence), { sequence, end: sequence === 3 }));
    }
    payload.fill(9);
    await sender.flush();
    await using receiver = await openReceiver(url);
    assert.deepEqual(await Array.fromAsync(receiver, ({ payload }) => payload[0]), [0, 1, 2, 3]);
  }));

Deno.test("file: an emptied spool starts again, under names that were used before", () =>
  inFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}?limit=3`;
    await using receiver = await openReceiver(url);
    for (let round = 0; round < 5; round++) {
      const streamId = newStreamId();
      const sent = [0, 1].map((sequence) => message(new Uint8Array(1), { streamId, sequence }));
      await writeAll(url, sent);
      for (const { sequence } of sent) {
        const delivery = await receiver.receive();
        assert.equal(delivery!.message.streamId, streamId);
        assert.equal(delivery!.message.sequence, sequence);
        await delivery!.accept();
      }
    }
  }));

Deno.test("file: what was deleted from an archive may come again under its name", () =>
  inFolder(async (folder) => {
    const url = pathToFileURL(folder).href;
    const { readDir } = Deno;
    let [begun, seen] = [0, 0];
    Deno.readDir = async function* (path) {
      const number = ++begun;
      yield* readDir(path);
      seen = number;
    };
    try {
      await using receiver = await openReceiver(url);
      for (let round = 0; round < 2; round++) {
        const streamId = newStreamId();
        await writeAll(url, [message(new Uint8Array(1), { streamId, sequence: 0 })]);
        const delivery = await receiver.receive();
        assert.equal(delivery!.message.streamId, streamId);
        await delivery!.accept();
        await Deno.remove(`${folder}/window_000.safetensors`);
        const before = begun;
        await until(() => seen > before);
      }
    } finally {
      Deno.readDir = readDir;
    }
  }));

Deno.test("file: a file that comes late is read, at any number that a sequence may have", () =>
  inFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}?format=raw`;
    await using receiver = await openReceiver(url);
    const next = async () => {
      const delivery = await receiver.receive();
      await delivery!.accept();
      return delivery!.message.sequence;
    };
    for (const number of ["1000", "101", "9007199254740991"]) {
      await Deno.writeFile(`${folder}/window_${number}.bin`, new Uint8Array(1));
      assert.equal(await next(), Number(number));
    }
    await Deno.writeFile(`${folder}/window_9007199254740992.bin`, new Uint8Array(1));
    await assert.rejects(receiver.receive({ signal: AbortSignal.timeout(300) }));
    assert.equal(receiver.counters.corrupt, 0);
  }));

/** A name that is none of a message, as a folder's listing has it. */
const OTHER: Deno.DirEntry = { name: "other", isFile: true, isDirectory: false, isSymlink: false };

/** Sends and receives one message after the other over a folder until something is the case. */
async function exchange(folder: string, isOver: (count: number) => boolean): Promise<void> {
  const url = pathToFileURL(folder).href;
  await using receiver = await openReceiver(url, { timeout: 600_000 });
  await using sender = await openSender(url, { timeout: 600_000 });
  for (let sequence = 0; !isOver(sequence); sequence++) {
    await sender.send(message(new Uint8Array(1), { sequence }));
    const delivery = await receiver.receive();
    assert.equal(delivery!.message.sequence, sequence);
    await delivery!.accept();
  }
}

Deno.test("file: what follows is read while the folder is listed", () =>
  inFolder(async (folder) => {
    const { readDir } = Deno;
    let received = 0;
    /** Messages that came during the longest listing. */
    let most = 0;
    Deno.readDir = async function* (path) {
      const before = received;
      yield* readDir(path);
      // From the first message to the last, if they come meanwhile.
      for (let i = 0; i < 2_000_000 && received > 0 && received < 30; i++) yield OTHER;
      most = Math.max(most, received - before);
    };
    try {
      await exchange(folder, (count) => {
        received = count;
        return count === 30;
      });
    } finally {
      Deno.readDir = readDir;
    }
    assert.ok(most > 1, `${most} messages`);
  }));

Deno.test("file: a folder that takes long to list is not listed for each message", () =>
  inFolder(async (folder) => {
    const { readDir } = Deno;
    const listings: number[] = [];
    Deno.readDir = async function* (path) {
      const started = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (let i = 0; i < 40_000; i++) yield OTHER;
      yield* readDir(path);
      listings.push(performance.now() - started);
    };
    const started = performance.now();
    const passed = () => performance.now() - started;
    try {
      await exchange(folder, () => passed() > Math.max(1000, 4 * (listings[0] ?? Infinity)));
    } finally {
      Deno.readDir = readDir;
    }
    const spent = listings.reduce((sum, listing) => sum + listing, 0);
    assert.ok(spent < passed() / 2, `${spent} of ${passed()} ms`);
  }));

Deno.test("file: a folder that does not change is not listed again", () =>
  inFolder(async (folder) => {
    const past = new Date(Date.now() - 60_000);
    await Deno.utime(folder, past, past);
    const { readDir } = Deno;
    let listings = 0;
    Deno.readDir = (path) => (listings++, readDir(path));
    try {
      await using receiver = await openReceiver(pathToFileURL(folder));
      const signal = AbortSignal.timeout(500);
      await assert.rejects(receiver.receive({ signal }));
    } finally {
      Deno.readDir = readDir;
    }
    assert.equal(listings, 1);
  }));

Deno.test("file: a closed receiver leaves the rest of an archive unread", () =>
  inFolder(async (folder) => {
    const url = pathToFileURL(folder).href;
    const count = 300;
    const files = FILE_FORMATS.safetensors!;
    for (let sequence = 0; sequence < count; sequence++) {
      const name = `window_${String(sequence).padStart(3, "0")}.safetensors`;
      const bytes = files.write(message(new Uint8Array(1), { streamId: "ab".repeat(8), sequence }));
      // Whatever is read beyond the first is counted.
      if (sequence > 10) bytes[bytes.length - 1]! ^= 1;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const receiver = await openReceiver(url);
    await (await receiver.receive())!.accept();
    await receiver.close();
    assert.ok(receiver.counters.corrupt <= 1, `${receiver.counters.corrupt} read after closing`);
  }));

Deno.test("file: a spool is emptied, and damaged files are put aside", () =>
  inFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}?limit=4`;
    const at = (sequence: number) => message(new Uint8Array(9), { sequence, end: sequence === 2 });
    await writeAll(url, [at(0), at(1), at(2)]);
    const path = `${folder}/window_001.safetensors`;
    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await Deno.writeFile(path, bytes);
    await Deno.writeTextFile(`${folder}/notes.txt`, "not a window");
    await using receiver = await openReceiver(url);
    const got = await Array.fromAsync(receiver);
    assert.deepEqual(got.map(({ sequence }) => sequence), [0, 2]);
    assert.equal(receiver.counters.corrupt, 1);
    assert.deepEqual(names(folder), ["notes.txt", "window_001.safetensors.damaged"]);
  }));

Deno.test("file: a writer that is killed leaves no half file behind", () =>
  inFolder(async (folder) => {
    const url = `${pathToFileURL(folder)}?format=raw`;
    const size = 3_000_000;
    const args = ["run", "-A", "--quiet", "--no-check", import.meta.resolve("../mod.ts"), "send"];
    for (let round = 0; round < 3; round++) {
      const writer = new Deno.Command(Deno.execPath(), {
        args: [...args, url, "--size", String(size), "--count", "1000", "--pace", "0"],
        stdout: "null",
        stderr: "null",
      }).spawn();
      const before = names(folder).length;
      while (names(folder).length < before + 4) await new Promise((r) => setTimeout(r, 5 + round));
      writer.kill("SIGKILL");
      await writer.status;
      for (const name of names(folder).filter((name) => name.endsWith(".bin"))) {
        assert.equal((await Deno.stat(`${folder}/${name}`)).size, size, name);
      }
    }
  }));

Deno.test("file: a message that cannot be written fails the sender, at once or after the timeout", () =>
  inFolder(async (folder) => {
    const sendTwo = async (url: string, sent: Message) => {
      await using sender = await openSender(url, { timeout: 200 });
      if (url.endsWith("gone")) await Deno.remove(`${folder}/gone`);
      await sender.send(sent);
      await sender.send(sent);
    };
    const bf16 = tensorMessage({ x: tensor("BF16", [2]) });
    await assert.rejects(
      sendTwo(`${pathToFileURL(folder)}?format=npy`, bf16),
      (error: TransportError) => {
        return error.code === "unsupported" && error.cause instanceof TypeError;
      },
    );
    await assert.rejects(
      sendTwo(`${pathToFileURL(folder)}/gone`, bf16),
      (error: TransportError) => {
        return error.code === "broker" && error.cause instanceof Deno.errors.NotFound;
      },
    );
  }));

Deno.test("file: .pt files are written only", () =>
  inFolder(async (folder) => {
    await writeAll(`${pathToFileURL(folder)}?format=pt`, [tensorMessage({ quant })]);
    assert.deepEqual(names(folder), ["window_000.pt"]);
    await assert.rejects(openReceiver(`${pathToFileURL(folder)}?format=pt`), RangeError);
  }));
