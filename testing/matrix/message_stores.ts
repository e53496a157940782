/**
 * Stores of messages: video-vq's journal, and the folder of a channel.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { openReceiver, openSender } from "@vcs/transport/channel";
import { ignoreAbort } from "@vcs/transport/internal";
import { type Message, message } from "@vcs/transport/message";
import { WindowJournal } from "../../packages/video-vq/stream/journal.ts";
import { isPayload, payloadOf, sorted, type Store } from "./store.ts";

const STREAM = "00000000000000ab";

const itemOf = (sequence: number) =>
  message(payloadOf(sequence), { streamId: STREAM, sequence, key: true });

async function* itemsOf(messages: AsyncIterable<Message>): AsyncGenerator<[number, boolean]> {
  for await (const { sequence, payload } of messages) {
    yield [sequence, isPayload(payload, sequence)];
  }
}

/** The journal of video-vq. */
export const journal: Store = {
  async write(folder, _, kept) {
    using journal = await WindowJournal.open(`${folder}/journal`);
    let next = 0;
    for await (const { sequence } of journal.messages()) next = sequence + 1;
    for (;; next++) {
      await journal.append(itemOf(next));
      kept(next);
    }
  },
  read: (folder) => sorted(itemsOf(WindowJournal.read(`${folder}/journal`))),
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

/** The folder of a `file:` channel. */
export const spool: Store = {
  async write(folder, from, kept) {
    const sender = await openSender(pathToFileURL(folder).href, { timeout: 3000 });
    for (let next = from;; next++) {
      await sender.send(itemOf(next));
      await sender.flush();
      kept(next);
    }
  },
  read: (folder) => sorted(itemsOf(messagesIn(folder))),
};
