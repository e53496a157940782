/**
 * What is kept on disk, as items of numbers: each store writes as many as it can and says which it has
 * taken, and reads what is there. A process of its own: `stores.ts STORE write|read FOLDER [FROM]`.
 *
 * @module
 */
import { openReceiver, openSender } from "@vcs/transport/channel";
import { type Message, message } from "@vcs/transport/message";
import { ignoreAbort, print } from "@vcs/transport/internal";
import { pathToFileURL } from "node:url";
import { RunFolder } from "../../packages/clip-drift/runs/writer.ts";
import { listRuns, loadRunEmbeddings, readRun } from "../../packages/clip-drift/runs/reader.ts";
import { WindowJournal } from "../../packages/video-vq/stream/journal.ts";

/** What was found in a store. */
export interface Contents {
  /** Numbers of the items that are there and right. */
  readonly found: readonly number[];
  /** What is there and is no item, or is a wrong one. */
  readonly wrong: readonly string[];
}

/** A store. */
interface Store {
  /** Writes items from a number on, until that fails; calls back when one is promised to stay. */
  write(folder: string, from: number, kept: (number: number) => void): Promise<void>;
  /** Reads all that is there. */
  read(folder: string): Promise<Contents>;
}

const STREAM = "00000000000000ab";

const payloadOf = (number: number) => Uint8Array.from({ length: 2000 }, (_, at) => number * 7 + at);

const itemOf = (sequence: number) =>
  message(payloadOf(sequence), { streamId: STREAM, sequence, key: true });

/** Sorts messages into right and wrong. */
async function sorted(messages: AsyncIterable<Message>): Promise<Contents> {
  const found: number[] = [];
  const wrong: string[] = [];
  for await (const { sequence, payload } of messages) {
    const right = payloadOf(sequence);
    const isRight = payload.length === right.length &&
      payload.every((byte, at) => byte === right[at]);
    if (isRight) found.push(sequence);
    else wrong.push(`message ${sequence}`);
  }
  return { found, wrong };
}

const journal: Store = {
  async write(folder, _, kept) {
    using journal = await WindowJournal.open(`${folder}/journal`);
    let next = 0;
    for await (const { sequence } of journal.messages()) next = sequence + 1;
    for (;; next++) {
      await journal.append(itemOf(next));
      kept(next);
    }
  },
  read: (folder) => sorted(WindowJournal.read(`${folder}/journal`)),
};

/** Milliseconds without a message after which a folder that nobody writes to has no more. */
const QUIET = 5000;

/**
 * The messages of a folder's files. There may be fewer than files: what is stored and not told before
 * the kill is sent again, and a receiver gives it once.
 */
async function* messagesIn(folder: string): AsyncGenerator<Message> {
  await using receiver = await openReceiver(pathToFileURL(folder).href);
  for (;;) {
    const signal = AbortSignal.timeout(QUIET);
    const delivery = await receiver.receive({ signal }).catch(ignoreAbort(signal));
    if (!delivery) return;
    yield delivery.message;
    await delivery.accept();
  }
}

const spool: Store = {
  async write(folder, from, kept) {
    const sender = await openSender(pathToFileURL(folder).href, { timeout: 3000 });
    for (let next = from;; next++) {
      await sender.send(itemOf(next));
      await sender.flush();
      kept(next);
    }
  },
  read: (folder) => sorted(messagesIn(folder)),
};

/** Frames in a batch of embeddings: the open one may be lost. */
const BATCH = 4;

const NOTHING = {
  ...{ drift: 0, reference: 0, rolling: 0 },
  ...{ cut: 0, ewma: 0, cusum: 0, mmd: 0 },
};

const CONFIG = {
  ...{ streamUrl: "http://camera/", device: "cpu", model: "gist", pretrained: "none" },
  ...{ snapshotInterval: 1e9, embeddingInterval: BATCH, rollingWindow: 10 },
};

const run: Store = {
  async write(folder, from, kept) {
    let failure: string | undefined;
    const onFailure = (line: string) => void (failure ??= line);
    const run = await RunFolder.create(CONFIG, { root: folder, onFailure });
    for (let index = from;; index++) {
      const row = { ...NOTHING, similarity: 1 };
      const jpeg = () => Uint8Array.of(1);
      const embedding = Float32Array.of(index, 1, 0);
      await run.write({ index, timestamp: 1.7e9 + index, row, embedding, jpeg });
      // The watch goes on where its folder does not; here the first failure is the end.
      if (failure !== undefined) throw new Error(failure);
      kept(index);
    }
  },
  async read(folder) {
    const found = new Set<number>();
    const wrong: string[] = [];
    for (const name of await listRuns(folder)) {
      const { drift } = await readRun(`${folder}/${name}`);
      const { embeddings, frameIndices } = await loadRunEmbeddings(`${folder}/${name}`);
      for (const { index } of drift) found.add(index);
      for (const [at, index] of frameIndices.entries()) {
        if (embeddings.data[at * 3] !== index) wrong.push(`embedding ${index}`);
      }
      if (frameIndices.length < drift.length - BATCH) wrong.push(`${name}: a whole batch is lost`);
    }
    return { found: [...found], wrong };
  },
};

/** The stores by name. */
export const STORES: Readonly<Record<string, Store>> = { journal, spool, "run folder": run };

if (import.meta.main) {
  const [name, action, folder, from = "0"] = Deno.args as [string, string, string, string?];
  const store = STORES[name]!;
  try {
    if (action === "read") print(JSON.stringify(await store.read(folder)));
    else await store.write(folder, Number(from), (number) => print(`${number}`));
  } catch (error) {
    print(`error ${error instanceof Error ? `${error.name}: ${error.message}` : error}`);
    Deno.exit(3);
  }
  Deno.exit(0);
}
