/**
 * `-e` and `-d` over a channel: `encodec-stream -e tcp://…` sends what it encodes, one message a block,
 * `encodec-stream -d nats://…` plays it. What is lost fades to silence and back, and is counted.
 *
 * @module
 */
import { openReceiver, openSender } from "@vcs/transport/channel";
import {
  channelOptions,
  defined,
  graceful,
  ignoreAbort,
  latencyLine,
  type OptionValues,
  OutputFile,
  ProgressLine,
  refuseTerminal,
  say,
  type Summary,
  UsageError,
  wallTime,
} from "@vcs/transport/internal";
import { interleave } from "../audio/pcm.ts";
import { Decoder } from "../decoder.ts";
import { LiveSender, type LiveSendStatistics } from "../live/live_sender.ts";
import { LiveSource, type LiveStatistics } from "../live/live_source.ts";
import { playback } from "../playback.ts";
import { codecOptions } from "./codec_options.ts";
import { type DECODE_OPTIONS, OUTPUT, wavStart } from "./decode.ts";
import { noAudio } from "./encode.ts";
import { type ENCODE_OPTIONS, openEncoding } from "./encoding.ts";
import { openSink } from "./open_sink.ts";

/** Most bytes of a message: many minutes of codes. */
const MAX_PAYLOAD = 1 << 20;

function milliseconds({ p50, p90, p99 }: Summary): string {
  return [p50, p90, p99].map((seconds) => (seconds * 1000).toFixed(0)).join("/");
}

function sendLine({ sent, dropped, queue, encode }: LiveSendStatistics): string {
  return `${sent} blocks sent, ${dropped} dropped, queue ${queue}, encode ${
    milliseconds(encode)
  } ms`;
}

function receiveLine({ received, lost, lostSeconds, late, latency }: LiveStatistics): string {
  return `${received} blocks, ${lost} lost (${lostSeconds.toFixed(1)} s), ${late} late; delay ` +
    `${latency.measured.toFixed(3)} s`;
}

/** Runs a task while a status line shows how it stands. */
async function shown<T>(read: () => string, task: () => Promise<T>): Promise<T> {
  using progress = new ProgressLine();
  const timer = setInterval(() => progress.update(read()), 250);
  try {
    return await task();
  } finally {
    clearInterval(timer);
  }
}

/** Runs `-e CHANNEL`. */
export async function send(
  url: string,
  options: OptionValues<typeof ENCODE_OPTIONS>,
  signal: AbortSignal,
): Promise<void> {
  const { queue, policy, input } = options;
  const end = graceful(signal);
  using encoding = await openEncoding(options, signal);
  await using channel = await openSender(url, { ...channelOptions(options), signal: end });
  const { header, source } = encoding;
  const live = new LiveSender(channel, header, { queue, policy, signal: end });
  say(`${input === "-" ? "standard input" : input} → ${header.model} → ${channel.url}`);
  const blocks = encoding.encode(live.captured(encoding.audio));
  const samples = await shown(() => sendLine(live.statistics), () => live.run(blocks));
  encoding.sayReplaced();
  saySent(live.statistics, samples / header.sampleRate);
  if (source.failure) throw source.failure;
  if (samples === 0 && !signal.aborted) throw noAudio(input);
}

function saySent({ sent, dropped, bytes, encode }: LiveSendStatistics, seconds: number): void {
  const rate = seconds > 0 ? (bytes * 8 / 1000 / seconds).toFixed(1) : "0";
  say(
    `sent ${sent} blocks, ${seconds.toFixed(2)} s, ${bytes} bytes (${rate} kbit/s); encode ` +
      `${milliseconds(encode)} ms (50/90/99 %)`,
  );
  if (dropped > 0) say(`dropped ${dropped} blocks that did not fit the queue`);
}

/** Runs `-d CHANNEL`. */
export async function receive(
  url: string,
  options: OptionValues<typeof DECODE_OPTIONS>,
  signal: AbortSignal,
): Promise<void> {
  refuseTerminal(options.output, "samples", "-o FILE");
  checkLive(options);
  await using output = await OutputFile.open(options.output, {
    inputs: [options.weights],
    live: true,
  });
  const settings = { ...channelOptions(options), signal, maxPayload: MAX_PAYLOAD };
  await using channel = await openReceiver(url, settings);
  say(`${channel.url} → ${options.output === "-" ? "standard output" : options.output}`);
  const source = await LiveSource.open(channel).catch(ignoreAbort(signal));
  if (!source) return;
  using decoder = await Decoder.open(source.header.model, await codecOptions(options, signal));
  try {
    await shown(
      () => receiveLine(source.statistics),
      () => write(decoder, source, output.part, options).catch(ignoreAbort(signal)),
    );
  } finally {
    await output.commit();
    sayReceived(source.statistics);
  }
}

/** A channel has no past to seek in. */
function checkLive({ from, to, rescale, preroll }: OptionValues<typeof DECODE_OPTIONS>): void {
  if (from === 0 && to === 0 && !rescale && preroll === undefined) return;
  throw new UsageError(
    "Cannot use -ss, -to, --rescale or --preroll: found a channel, expected a file",
  );
}

async function write(
  decoder: Decoder,
  source: LiveSource,
  path: string,
  { format, lowLatency, filter }: OptionValues<typeof DECODE_OPTIONS>,
): Promise<void> {
  await using sink = await openSink(path);
  let end = 0;
  if (format === "wav") await sink.write(await wavStart({ start: 0, end: Infinity }));
  try {
    for await (
      const { start, channels } of playback(decoder, source, defined({ lowLatency, filter }))
    ) {
      const decodedAt = wallTime();
      await sink.write(interleave(channels, format === "f32" ? "f32" : "s16"));
      end = start + channels[0]!.length;
      source.heard(end / OUTPUT.sampleRate, decodedAt);
    }
  } finally {
    if (format === "wav") await sink.rewriteStart?.(await wavStart({ start: 0, end }));
  }
}

function sayReceived(
  { lost, lostSeconds, damaged, late, foreign, received, latency }: LiveStatistics,
): void {
  say(`received ${received} blocks`);
  if (lost > 0) {
    say(`lost ${lost} blocks, ${lostSeconds.toFixed(2)} s of silence (${damaged} damaged)`);
  }
  if (late > 0) say(`skipped ${late} blocks that came twice or late`);
  if (foreign > 0) {
    say(`left out ${foreign} messages of other senders: give each a channel of its own`);
  }
  if (latency.fill > 0) say(`delay: ${latencyLine(latency)}`);
}
