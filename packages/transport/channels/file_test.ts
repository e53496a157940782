import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { openReceiver, openSender, type Receiver } from "../channel.ts";
import { within } from "../flow/abort.ts";
import { message, newStreamId } from "../message.ts";
import { conformance, LIMIT, type Place } from "../testing/conformance.ts";

/** Deletes the messages that wait. */
async function removeFiles({ receiver }: Place): Promise<void> {
  const folder = new URL(receiver);
  folder.search = "";
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(`${folder.pathname}/${name}`);
  }
}

Deno.test("channel: file keeps its promises", async (t) => {
  const folder = await Deno.makeTempDir();
  let places = 0;
  await conformance(t, {
    channel: "file",
    place() {
      const url = `${pathToFileURL(folder)}/${places++}?limit=${LIMIT}`;
      return { sender: url, receiver: url };
    },
    remove: removeFiles,
    trim: removeFiles,
  });
  await Deno.remove(folder, { recursive: true });
});

/** Lets a time pass while the next folder is listed, as for a process that is stopped. */
function standStill(milliseconds: number): Disposable {
  const { readDir } = Deno;
  const { now } = performance;
  let late = 0;
  performance.now = () => now.call(performance) + late;
  Deno.readDir = async function* (path) {
    yield* readDir(path);
    late += milliseconds;
    milliseconds = 0;
  };
  return {
    [Symbol.dispose]() {
      Deno.readDir = readDir;
      performance.now = now;
    },
  };
}

async function acceptNext(receiver: Receiver): Promise<number> {
  const delivery = await within(60_000, "receiving", receiver.receive());
  await delivery!.accept();
  return delivery!.message.sequence;
}

Deno.test("channel: file receiver that stood still sees what is sent again", async () => {
  const folder = await Deno.makeTempDir();
  const url = `${pathToFileURL(folder)}?limit=${LIMIT}`;
  const streamId = newStreamId();
  {
    using _ = standStill(60_000);
    await using receiver = await openReceiver(url);
    for (const sequence of [5, 3]) {
      await using sender = await openSender(url);
      await sender.send(message(new Uint8Array(1), { streamId, sequence }));
      assert.equal(await acceptNext(receiver), sequence);
    }
  }
  await Deno.remove(folder, { recursive: true });
});
