/**
 * The messages that a member of a consumer group is given, until it is none. The client goes on
 * reading where it could not commit, and where it has lost its place in the group: what it was given
 * does not come again then, and a sender that waits for room would wait for ever. Of a topic that was
 * deleted and made again it may read on at the old offset, or commit for a group that nobody asks for,
 * without a word. So a session ends with any of these, and in the next all comes again that was not
 * committed.
 *
 * @module
 */
import { abortable, onAbort, within } from "../../flow/abort.ts";
import { type Clock, systemClock } from "../../flow/clock.ts";
import type { Inbox } from "../inbox.ts";
import type { KafkaConsumer, KafkaStream } from "./client.ts";
import { Commits } from "./commits.ts";

/** A member of a group, and where its messages go. */
export interface Membership {
  readonly consumer: Pick<KafkaConsumer, "on" | "consume" | "metadata">;
  readonly topic: string;
  /** Id of the topic that the group is for. */
  readonly id: string;
  /** Milliseconds that joining takes at most, and a commit. */
  readonly timeout: number;
  /** Called once it is a member. */
  connected(): void;
  readonly inbox: Inbox;
  /** Messages that may be held unaccepted. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** Milliseconds between two looks at the topic. */
const LOOK = 2000;

/**
 * Joins and fills the inbox until the membership is lost or the signal is aborted.
 *
 * @throws the reason of either.
 */
export async function deliver(membership: Membership): Promise<void> {
  const { consumer, inbox, limit, signal, timeout } = membership;
  const session = new AbortController();
  const end = (reason: unknown) => session.abort(reason);
  using _stopping = onAbort(signal, () => end(signal.reason));
  // It could not join again, and does not try any more.
  consumer.on("error", end);
  try {
    const stream = await within(timeout, "joining the group", join(membership, end));
    using _ending = onAbort(session.signal, () => stream.destroy());
    membership.connected();
    void watch(membership, session.signal).catch(end);
    const commits = new Commits();
    for await (const message of stream) {
      await inbox.room(limit, session.signal);
      const accepted = commits.hold(message);
      const committed = () => abortable(accepted(), session.signal);
      // While others join the group none of its members can commit.
      const accept = () => within(timeout, "committing", committed()).catch(end);
      if (!inbox.offer(new Uint8Array(message.value), accept)) await accept();
    }
  } catch (error) {
    throw session.signal.reason ?? error;
  } finally {
    end(undefined);
  }
}

/** Looks at the topic until the signal is aborted, or another one has its name. */
async function watch(
  { consumer, topic, id, timeout, clock = systemClock }: Membership,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(LOOK, signal);
    const looking = consumer.metadata({ topics: [topic], forceUpdate: true });
    const { topics } = await within(timeout, "a look at the topic", abortable(looking, signal));
    if (topics.get(topic)?.id !== id) throw new Error(`topic ${topic} is gone`);
  }
}

/** Joins the group. A stream that comes too late has errors, too, for which nobody would listen. */
function join(
  { consumer, topic }: Membership,
  failed: (error: unknown) => void,
): Promise<KafkaStream> {
  const { promise, resolve, reject } = Promise.withResolvers<KafkaStream>();
  const from = { mode: "committed", fallbackMode: "earliest" };
  consumer.consume({ topics: [topic], ...from }, (error, stream) => {
    stream?.on("error", failed);
    if (stream) resolve(stream);
    else reject(error);
  });
  return promise;
}
