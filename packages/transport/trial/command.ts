/**
 * The command of this package: numbered messages through channels, to try out a channel and to
 * see what happens to them when an end is killed.
 *
 * @module
 */
import { type Backlog, backlogOf, openReceiver, openSender } from "../channel.ts";
import { systemClock } from "../flow/clock.ts";
import { type Command, command, type Invocation } from "../command/command.ts";
import { flag, operand, operands, option } from "../command/options.ts";
import { print, say } from "../command/terminal.ts";
import { number, urlText, type ValueKind, whole } from "../command/values.ts";
import { deliveryTable } from "../delivery.ts";
import config from "../deno.json" with { type: "json" };
import { CHANNEL_CLIENTS, partNeed, setupCommand } from "../parts/setup.ts";
import { message, newStreamId } from "../message.ts";
import { shownUrl } from "../io/credentials.ts";

const STREAM_ID: ValueKind<string> = {
  placeholder: "ID",
  allowed: "16 hexadecimal digits",
  parse: (text) => /^[0-9a-f]{16}$/i.test(text) ? text.toLowerCase() : undefined,
};

/** Options of what is sent. */
const MESSAGES = {
  count: option(whole({ min: 0 }), { help: "messages to send", default: 100 }),
  size: option(whole({ min: 0 }), { help: "bytes of payload", default: 2880 }),
  pace: option(whole({ min: 0, placeholder: "MS" }), {
    help: "milliseconds between two messages",
    default: 5,
  }),
  stream: option(STREAM_ID, { help: "stream id", defaultText: "random" }),
};

const TIMEOUT = {
  timeout: option(number({ min: 0, max: 86_400, placeholder: "SECONDS" }), {
    help: "how long the peer may be unreachable before this end fails",
    default: 30,
  }),
};

const SEND = {
  ...MESSAGES,
  from: option(whole({ min: 0 }), { help: "sequence of the first message", default: 0 }),
  ...TIMEOUT,
};

const TRIAL = {
  ...MESSAGES,
  kills: option(whole({ min: 0 }), { help: "how often the receiver is killed", default: 3 }),
};

const STATS = { json: flag({ help: "as a line of JSON; null is what is not known" }) };

const NOTES =
  `URLs: file:folder tcp://host:port ws://host:port/path zmq+push://… zmq+pull://… zmq+pub://… zmq+sub://…
      redis://host:port/0 amqp://host:port nats://host:port kafka://host:port s3://bucket/prefix`;

const ONE_URL = { url: operand(urlText(), "URL of the channel") };

/** The command `transport`. */
export const transport: Command = command({
  name: "transport",
  version: config.version,
  about: "numbered messages through channels",
  notes: NOTES,
  commands: [
    command({
      name: "send",
      about: "send numbered messages; prints the number acknowledged as it grows",
      options: SEND,
      operands: ONE_URL,
      run: send,
    }),
    command({
      name: "receive",
      about: "print stream, sequence and length of each message, then accept it",
      options: TIMEOUT,
      operands: ONE_URL,
      run: receive,
    }),
    command({
      name: "trial",
      about: "send while the receiver is killed and started again; prints sent, received, " +
        "duplicated, lost and in flight at most",
      options: TRIAL,
      operands: {
        urls: operands(urlText(), "channels. Default: all, with brokers of the trial's own"),
      },
      async run({ options, operands, signal }) {
        const { runTrials } = await import("./trial.ts");
        return await runTrials(operands.urls, options, signal);
      },
    }),
    command({
      name: "stats",
      about: "what waits at a broker, in a bucket or a folder: messages, in flight, oldest, " +
        "consumers",
      options: STATS,
      operands: ONE_URL,
      async run({ options, operands, signal }) {
        const backlog = await backlogOf(operands.url, { signal });
        const json = () => JSON.stringify(backlog, (_, value) => value ?? null);
        print(options.json ? json() : backlogLines(backlog).join("\n"));
      },
    }),
    command({
      name: "delivery",
      about: "what each channel promises",
      run: () => Promise.resolve(print(deliveryTable())),
    }),
    setupCommand(() => Promise.resolve(CHANNEL_CLIENTS.map(partNeed))),
  ],
});

/** A backlog in words. */
function backlogLines({ messages, waiting, inFlight, oldest, consumers }: Backlog): string[] {
  const shown = (value: number | undefined) => value === undefined ? "not known" : String(value);
  const age = oldest === undefined ? undefined : `${(oldest / 1000).toFixed(1)} s`;
  return [
    `messages   ${shown(messages)}`,
    `waiting    ${shown(waiting)}`,
    `in flight  ${shown(inFlight)}`,
    `oldest     ${messages === 0 ? "none" : age ?? "not known"}`,
    `consumers  ${shown(consumers)}`,
  ];
}

async function send({ options, operands, signal }: Invocation<typeof SEND, typeof ONE_URL>) {
  const { count, from, size, pace, stream: streamId = newStreamId() } = options;
  const timeout = 1000 * options.timeout;
  await using sender = await openSender(operands.url, { signal, timeout });
  for (let sequence = from; sequence < from + count; sequence++) {
    const payload = new Uint8Array(size).fill(sequence);
    await sender.send(message(payload, { streamId, sequence, key: true }));
    print(`${from + sender.counters.acknowledged}`);
    await systemClock.sleep(pace, signal);
  }
  await sender.flush();
  print(`${from + sender.counters.acknowledged}`);
}

async function receive({ options, operands, signal }: Invocation<typeof TIMEOUT, typeof ONE_URL>) {
  const timeout = 1000 * options.timeout;
  await using receiver = await openReceiver(operands.url, { signal, timeout });
  say(`Receiving from ${shownUrl(receiver.url)}`);
  for (;;) {
    const delivery = await receiver.receive();
    if (!delivery) return;
    const { streamId, sequence, payload } = delivery.message;
    print(`${streamId} ${sequence} ${payload.length}`);
    await delivery.accept();
  }
}
