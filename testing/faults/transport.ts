/**
 * Deliberate faults of transport.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "outbox.ts",
    find: "if (++carried >= most) return undefined;",
    put: "if (++carried > most) return undefined;",
    means: "a sender exceeds the receiver's credits by one",
    tests: ["outbox_test.ts"],
  },
  {
    file: "outbox.ts",
    find: "while (this.#entries.size >= this.#limit && !this.#failure && !this.#closing) {",
    put: "while (this.#entries.size > this.#limit && !this.#failure && !this.#closing) {",
    means: "a sender holds one message more than its limit",
    tests: ["outbox_test.ts"],
  },
  {
    file: "outbox.ts",
    find: "if (entry.tries++ > 0) this.#counts.resent++;",
    put: "entry.tries++;",
    means: "messages sent again are not counted",
    tests: ["outbox_test.ts"],
  },
  {
    file: "outbox.ts",
    find: "this.#spare.length < this.#limit",
    put: "true",
    means: "spare buffers pile up",
    tests: ["outbox_test.ts"],
  },
  {
    file: "outbox.ts",
    find: "clearTimeout(this.#lonely);\n    this.#lonely = undefined;\n    this.#changed.notify();",
    put: "this.#changed.notify();",
    means: "a connection does not end the wait for one",
    tests: ["outbox_test.ts"],
  },
  {
    file: "inbox.ts",
    find: "Math.max(sequence + 1, expected ?? 0)",
    put: "sequence + 1",
    means: "gaps are miscounted after disorder",
    tests: ["inbox_test.ts"],
  },
  {
    file: "inbox.ts",
    find:
      "if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!);",
    put: "",
    means: "messages are remembered for ever",
    tests: ["inbox_test.ts"],
  },
  {
    file: "inbox.ts",
    find:
      "if (this.#next.size > TRACKED_STREAMS) this.#next.delete(this.#next.keys().next().value!);",
    put: "",
    means: "streams are remembered for ever",
    tests: ["inbox_test.ts"],
  },
  {
    file: "inbox.ts",
    find: "while (this.held >= limit)",
    put: "while (this.held > limit)",
    means: "a receiver reads one message more than its limit",
    tests: ["inbox_test.ts"],
  },
  {
    file: "tcp.ts",
    find: "if (frame.number <= run.received) return this.#inbox.countDuplicate();",
    put: "if (frame.number <= run.received) return;",
    means: "duplicates are not counted",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "tcp.ts",
    find: "if (run.received - run.accepted >= this.#credits) throw brokenRules(frame);",
    put: "",
    means: "a receiver takes whatever a sender sends",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "tcp_link.ts",
    find: "if (this.#beats - this.#heard >= 3) return this.close();",
    put: "if (this.#beats - this.#heard >= 30) return this.close();",
    means: "a dead tcp peer is noticed ten times later",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "tcp_link.ts",
    find: "const timer = setTimeout(stop, HANDSHAKE_TIMEOUT);",
    put: "const timer = 0;",
    means: "an end that does not introduce itself is waited for without end",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "tcp_keeper.ts",
    find: "if (this.#handshakes >= MAX_HANDSHAKES) conn.close();",
    put: "if (this.#handshakes > MAX_HANDSHAKES) conn.close();",
    means: "one stranger too many is admitted",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "tcp_keeper.ts",
    find: "pause = Math.min(pause * 2, PAUSES.longest);",
    put: "pause = pause * 2;",
    means: "pauses between attempts grow without end",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "zmq_peers.ts",
    find: "if (silent > 3) return",
    put: "if (silent > 30) return",
    means: "a dead ZeroMQ peer is noticed ten times later",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "zmq_peers.ts",
    find: "else if (this.#current.size >= MAX_PEERS) conn.close();",
    put: "",
    means: "a listener takes peers without end",
    tests: ["scripted_peer_test.ts"],
  },
  {
    file: "zmq_push.ts",
    find: "this.#credits = Math.min(credits, peer.credits ?? Infinity);",
    put: "this.#credits = credits;",
    means: "the peer's smaller credits are ignored",
    tests: ["zmtp_test.ts"],
  },
  {
    file: "broker_feed.ts",
    find: "lostAt = performance.now();\n        pause",
    put: "pause",
    means: "a receiver gives up at the first blip once it is older than its timeout",
    tests: ["broker_feed_test.ts"],
  },
  {
    file: "broker_feed.ts",
    find: "lostAt = performance.now();\n        pause = PAUSES.first;",
    put: "lostAt = performance.now();",
    means: "the pauses of the last outage go on in the next",
    tests: ["broker_feed_test.ts"],
  },
  {
    file: "store_pump.ts",
    find: "Math.min(first * 2 ** tries, longest)",
    put: "first * 2 ** tries",
    means: "pauses before a store grow without end",
    tests: ["store_pump_test.ts"],
  },
  {
    file: "store_pump.ts",
    find: 'troubled = result === "full" ? undefined : troubled ?? performance.now();',
    put: "troubled ??= performance.now();",
    means: "a store that is merely full is given up",
    tests: ["store_pump_test.ts"],
  },
  {
    file: "buffer.ts",
    find: "return this.#items.length >= this.#capacity;",
    put: "return this.#items.length > this.#capacity;",
    means: "a queue holds one item more than its capacity",
    tests: ["flow_test.ts"],
  },
  {
    file: "stream_order.ts",
    find: "if (this.#gaps.length > REMEMBERED_GAPS) this.#gaps.shift();",
    put: "",
    means: "given-up gaps are remembered for ever",
    tests: ["stream_order_test.ts"],
  },
  {
    file: "resequence.ts",
    find: "while (this.#ready.length > this.#options.window) {",
    put: "while (false) {",
    means: "a resequencer takes in without end while nobody reads",
    tests: ["stream_order_test.ts"],
  },
  {
    file: "pacer.ts",
    find: "this.#late += next - this.#slot - 1;",
    put: "",
    means: "slots that a late reader missed are not counted",
    tests: ["pacer_test.ts"],
  },
];
