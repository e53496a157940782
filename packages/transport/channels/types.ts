/**
 * What a channel is: its two ends, their counters and their options. The channels
 * implement it, `@vcs/transport/channel` opens them.
 *
 * @module
 */
import type { Clock } from "../flow/clock.ts";
import type { Message } from "../message.ts";

/** What a sender has done so far. */
export interface SenderCounters {
  /** Messages taken from the caller. */
  readonly sent: number;
  /** Messages that the channel acknowledged. */
  readonly acknowledged: number;
  /** Messages given up when the sender was closed or failed: nobody acknowledged them. */
  readonly unsent: number;
  /** Messages taken and not yet acknowledged; all of them are held in memory. */
  readonly inFlight: number;
  /** The most messages that were ever in flight. */
  readonly mostInFlight: number;
  /** Messages sent again, after a lost connection or a refusal by a full broker. */
  readonly resent: number;
  /**
   * Copies that a lossy channel dropped because a receiver did not keep up, and messages for which
   * there was no receiver; the latter do not count as acknowledged.
   */
  readonly dropped: number;
  /** Connections made; of `zmq+pub:`, to peers that have subscribed to something. */
  readonly connections: number;
}

/** What a receiver has done so far. */
export interface ReceiverCounters {
  /** Complete messages received, repeated ones not counted. */
  readonly received: number;
  /** Messages that the caller accepted. */
  readonly accepted: number;
  /** Messages that came again over the same connection or session and were dropped. */
  readonly duplicates: number;
  /** Messages that were dropped because they were damaged or too long. */
  readonly corrupt: number;
  /** Sequence numbers of a stream that were skipped between two messages seen here. */
  readonly gaps: number;
  /** Connections made. */
  readonly connections: number;
}

/** The end that messages are sent from. */
export interface Sender extends AsyncDisposable {
  /** The URL, with the port that was chosen where the sender listens on port 0; without name and password. */
  readonly url: string;
  /** What was done so far. */
  readonly counters: SenderCounters;
  /**
   * The `capabilities` of the receiver that is connected now; empty, or not there, if there is none,
   * or the channel does not carry them.
   */
  readonly peerCapabilities?: readonly string[];
  /**
   * The sender as the sink of a pipeline; closing it waits as leaving the scope of the sender does,
   * aborting it closes the sender at once. `pipeTo`'s own
   * signal waits for the pending write, which may wait for room: pass the signal to the channel.
   */
  readonly writable: WritableStream<Message>;
  /**
   * Hands a message over, waiting while as many are in flight as the channel allows, for the
   * channel's timeout since one was acknowledged.
   *
   * @throws {TransportError} `limit` where the payload is too long, `unreachable`,
   * `refused`, `broker` or `closed`.
   */
  send(message: Message, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Waits until every message is acknowledged.
   *
   * @throws {TransportError} `unreachable` where no acknowledgement comes within the channel's
   * timeout.
   */
  flush(): Promise<void>;
  /**
   * Closes the connection within two seconds. What is not acknowledged in the first of them is
   * counted as `unsent`: {@linkcode Sender.flush} is what waits. A failure that was thrown before
   * is not repeated.
   */
  close(): Promise<void>;
  /** Flushes and closes: leaving the scope of `await using` waits until all is acknowledged. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A message and how to accept it. */
export interface Delivery {
  /** The message. */
  readonly message: Message;
  /** Accepts the message: from now on the channel does not deliver it again. */
  accept(): Promise<void>;
}

/**
 * The end that messages are received from. Iterating (or reading {@linkcode Receiver.readable})
 * accepts each message when the next is requested, and ends after one with the flag `end`;
 * leaving a loop by `break` or an error, or cancelling the stream, does not accept the message at
 * hand: it is the first that is received next.
 */
export interface Receiver extends AsyncDisposable, AsyncIterable<Message> {
  /** The URL, with the port that was chosen where the receiver listens on port 0; without name and password. */
  readonly url: string;
  /** What was done so far. */
  readonly counters: ReceiverCounters;
  /** The receiver as the source of a pipeline. */
  readonly readable: ReadableStream<Message>;
  /**
   * The next message, to be accepted once it is processed; undefined where the receiver was
   * closed. More can be received before the first is accepted, up to the channel's limit.
   */
  receive(options?: { signal?: AbortSignal }): Promise<Delivery | undefined>;
  /** Closes the connection within two seconds; what was not accepted will be delivered again. */
  close(): Promise<void>;
}

/** What is at a broker or in a folder; undefined is what the channel cannot tell. */
export interface Backlog {
  /** Messages that are there in all. */
  readonly messages: number | undefined;
  /** Of these, messages that no receiver has yet. */
  readonly waiting: number | undefined;
  /** Of these, messages that a receiver has and did not accept. */
  readonly inFlight: number | undefined;
  /** Age of the oldest in milliseconds; undefined also where nothing is there. */
  readonly oldest: number | undefined;
  /** Receivers; of `redis:` those that were heard of within `claim` milliseconds. */
  readonly consumers: number | undefined;
}

/** Options of every channel that do not belong in a URL. */
export interface ChannelOptions {
  /** Closes the channel at once when aborted; calls that wait throw its reason. */
  readonly signal?: AbortSignal;
  /** The longest payload to send or accept, in bytes. Default: 64 MiB. */
  readonly maxPayload?: number;
  /**
   * Milliseconds before calls that wait throw; Infinity for no limit. `send` and `flush` wait so
   * long for the next acknowledgement; `receive` so long for a peer or a broker that it connects
   * to, and without a limit for peers that connect to it and for messages. Default: 30,000.
   */
  readonly timeout?: number;
  /** @deprecated Former name of `timeout`, accepted for one minor version. */
  readonly patience?: number; // formerly: timeout
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
  /**
   * Told once what the user should know though nothing fails, as a line of text. Default: writes it
   * to stderr.
   */
  readonly notice?: (line: string) => void;
  /**
   * What a receiver can read that not every receiver of its kind can: up to 16 words of letters,
   * digits and hyphens. `tcp:` and `ws:` tell the sender (`peerCapabilities`), which may be older and
   * take no notice. Default: none.
   */
  readonly capabilities?: readonly string[];
  /** A secret that both ends of a `tcp:` channel must know. Default: that of `VCS_SECRET` or `VCS_SECRET_FILE`. */
  readonly secret?: string;
  /**
   * TLS for `tcp:` and the brokers, in PEM: a listener needs `cert` and `key`, a connecting end
   * shows its own where the other asks for it. Default: what the URL says.
   */
  readonly tls?: {
    /** This end's certificate chain. */
    readonly cert?: string;
    /** This end's private key. */
    readonly key?: string;
    /** Authorities that a connecting end trusts besides the system's. */
    readonly caCerts?: readonly string[];
  };
}

/** Options with their defaults filled in, as the channels get them. */
export interface ChannelSettings extends ChannelOptions {
  /** The longest payload to send or accept, in bytes. */
  readonly maxPayload: number;
  /** Milliseconds before waiting calls throw; Infinity for no limit. */
  readonly timeout: number;
}
