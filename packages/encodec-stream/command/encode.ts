/**
 * `encodec-stream -e`: PCM or an audio file in, `.ecdc` out, or blocks into a channel. A live source
 * makes a file whatever ends it: its own end, a failure, or an interrupt.
 *
 * @module
 */
import {
  type Command,
  command,
  defined,
  type Invocation,
  isFile,
  OutputFile,
  ProgressLine,
  refuseTerminal,
} from "@vcs/transport/internal";
import type { CodeBlock } from "../container/reader.ts";
import { openSink } from "./open_sink.ts";
import { EcdcWriter, type EcdcWriterFields } from "../container/writer.ts";
import { EcdcError } from "../errors.ts";
import type { UntilFailure } from "./audio_input.ts";
import { isLive } from "./codec_options.ts";
import { ENCODE_OPERANDS, ENCODE_OPTIONS, openEncoding } from "./encoding.ts";

/** The subcommand `-e`. */
export const encode: Command = command({
  name: "encode",
  modes: ["-e", "--encode"],
  about: "encode PCM from standard input, or an audio file",
  operands: ENCODE_OPERANDS,
  options: ENCODE_OPTIONS,
  run,
});

async function run(
  { options, operands, signal }: Invocation<typeof ENCODE_OPTIONS, typeof ENCODE_OPERANDS>,
): Promise<void> {
  if (isLive(operands.file)) {
    return await (await import("./channel.ts")).send(operands.file, options, signal);
  }
  const { input, samples } = options;
  refuseTerminal(operands.file, "an .ecdc file", "name it in the place of -");
  const live = !await isFile(input);
  const inputs = [input, options.weights];
  await using output = await OutputFile.open(operands.file, { inputs, live });
  using encoding = await openEncoding(options, signal);
  const { source, audio } = encoding;
  const fields = { ...encoding.header, ...defined({ samples }) };
  const written = await writeBlocks(encoding.encode(audio), output.part, fields, source);
  encoding.sayReplaced();
  if (written > 0 && (live || !(source.failure ?? signal.aborted))) await output.commit();
  if (source.failure) throw source.failure;
  if (written === 0 && !signal.aborted) throw noAudio(input);
}

/** The error of an input without a sample. */
export function noAudio(input: string): EcdcError {
  return new EcdcError("no-audio", `Cannot encode ${input}: found no audio, expected some`);
}

/**
 * Writes blocks until they end or fail, and finishes what was written in either case.
 *
 * @returns samples written
 */
async function writeBlocks(
  blocks: AsyncIterator<CodeBlock>,
  path: string,
  fields: EcdcWriterFields,
  source: UntilFailure,
): Promise<number> {
  let next = await blocks.next();
  if (next.done) return 0;
  await using sink = await openSink(path);
  using progress = new ProgressLine();
  // A file's header is patched at the end, whatever length was announced.
  const { samples: _, ...rest } = fields;
  const writer = new EcdcWriter(sink, sink.rewriteStart ? rest : fields);
  const begin = performance.now();
  let written = 0;
  try {
    for (; !next.done; next = await blocks.next()) {
      await writer.write(next.value);
      written = next.value.start + next.value.samples;
      const seconds = written / (fields.sampleRate ?? 1);
      const speed = seconds / ((performance.now() - begin) / 1000);
      progress.update(`${seconds.toFixed(1)} s, ${speed.toFixed(1)}x real time`);
    }
  } catch (error) {
    source.failure ??= error;
  }
  await writer.close(written).catch((error) => source.failure ??= error);
  return written;
}
