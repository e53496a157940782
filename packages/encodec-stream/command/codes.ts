/**
 * `encodec-stream codes`: the codes of a file as arrays, and arrays as a file.
 *
 * @module
 */
import {
  choice,
  type Command,
  command,
  file,
  fileOrUrl,
  operand,
  option,
  OutputFile,
  refuseTerminal,
  UsageError,
  writeAll,
} from "@vcs/transport/internal";
import { encodeNpy, readNpy } from "@vcs/transport/npy";
import {
  type Codes,
  codesOfArray,
  decodeCodes,
  encodeCodes,
  readCodes,
  writeCodes,
} from "../container/codes.ts";
import { EcdcReader } from "../container/reader.ts";
import { MODEL_NAMES, type ModelName } from "../models.ts";
import { openSink } from "./open_sink.ts";

/** Whether a name is that of a file of arrays, and of which kind. */
function arraysOf(path: string): "npy" | "safetensors" | undefined {
  return /\.(npy|safetensors)$/i.exec(path)?.[1]?.toLowerCase() as
    | "npy"
    | "safetensors"
    | undefined;
}

/** The subcommand `codes`. */
export const codesCommand: Command = command({
  name: "codes",
  about: "codes as data: FILE.ecdc to .safetensors or .npy, and back",
  operands: { file: operand(fileOrUrl(), "an .ecdc file, or arrays: .safetensors, .npy") },
  options: {
    output: option(file(), {
      help: "where to write: .safetensors or .npy, or an .ecdc file of arrays",
      short: "o",
      default: "-",
    }),
    model: option(choice(MODEL_NAMES, { placeholder: "NAME" }), {
      help: "whose codes an .npy file has",
      default: "encodec_24khz",
    }),
  },
  async run({ options: { output: path, model }, operands, signal }) {
    const [from, to] = [arraysOf(operands.file), arraysOf(path)];
    if ((from === undefined) === (to === undefined)) {
      throw new UsageError(
        `Cannot turn ${operands.file} into ${path}: expected an .ecdc file and one of arrays ` +
          "(.safetensors or .npy)",
      );
    }
    refuseTerminal(path, "an .ecdc file", "-o FILE");
    await using output = await OutputFile.open(path, { inputs: [operands.file] });
    if (to) await toArrays(operands.file, output.part, to, signal);
    else {
      const codes = await fromArrays(operands.file, model);
      await using sink = await openSink(output.part);
      await writeCodes(codes, sink);
    }
    await output.commit();
  },
});

async function toArrays(
  path: string,
  output: string,
  kind: "npy" | "safetensors",
  signal: AbortSignal,
): Promise<void> {
  await using reader = await EcdcReader.open(path, { signal });
  if (kind === "npy" && reader.header.spec.segmentation) {
    throw new UsageError(
      `Cannot write ${reader.header.model} as .npy: its segments have a loudness, expected .safetensors`,
    );
  }
  const codes = await readCodes(reader);
  using file = await Deno.open(output, { write: true, create: true, truncate: true });
  await writeAll(file, kind === "npy" ? encodeNpy(codes.codes) : encodeCodes(codes));
}

async function fromArrays(path: string, model: ModelName): Promise<Codes> {
  const bytes = await Deno.readFile(path);
  return arraysOf(path) === "npy" ? codesOfArray(readNpy(bytes), model) : decodeCodes(bytes);
}
