/**
 * How the `file:` channel writes a message into a file and reads it back.
 *
 * Only safetensors files keep everything: the envelope's fields lie in their metadata as
 * `vcs.…`, with a checksum. The other formats keep the payload alone, for readers that expect
 * nothing else; the sequence is in the file's name.
 *
 * @module
 */
import { crc32 } from "../formats/crc32.ts";
import { TransportError } from "../errors.ts";
import { type Message, message, type PayloadFormat } from "../message.ts";
import { messageTensors } from "../formats/message_tensors.ts";
import { encodeNpy, readNpy } from "../npy.ts";
import { encodePt } from "../formats/pt.ts";
import { encodeSafetensors, readSafetensors } from "../safetensors.ts";
import { type Tensor, tensor, tensorBytes } from "../tensor.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A way to write messages into files. */
export interface FileFormat {
  readonly extension: string;
  write(message: Message): Bytes;
  /** Reads a file; `sequence` is from its name, `end` too. Not there for write-only formats. */
  readonly read?: (bytes: Bytes, named: { sequence: number; end: boolean }) => Message;
}

/** Every format by the word in the URL. */
export const FILE_FORMATS: Readonly<Record<string, FileFormat>> = {
  safetensors: { extension: "safetensors", write: writeSafetensors, read: readSafetensorsMessage },
  npy: { extension: "npy", write: (m) => encodeNpy(onlyTensor(m)), read: readNpyMessage },
  raw: { extension: "bin", write: writeRaw, read: (bytes, named) => message(bytes, named) },
  pt: { extension: "pt", write: writePt },
};

const PREFIX = "vcs.";
const CHECKSUM = `${PREFIX}crc32`;
/** The tensor that holds a payload which is not tensors. */
const PAYLOAD = "payload";

function tensorsOf(message: Message): ReadonlyMap<string, Tensor> {
  if (message.format === "safetensors") return messageTensors(message);
  return new Map([[PAYLOAD, tensor("U8", [message.payload.length], message.payload)]]);
}

function onlyTensor(message: Message): Tensor {
  const [first, ...others] = tensorsOf(message).values();
  if (first && others.length === 0) return first;
  throw new TransportError(
    "unsupported",
    `Cannot write message ${message.sequence}: the format keeps one tensor, found ${
      others.length + (first ? 1 : 0)
    }`,
  );
}

function writeRaw(message: Message): Bytes {
  return tensorBytes(onlyTensor(message)).slice();
}

function writePt(message: Message): Bytes {
  const tensors = tensorsOf(message);
  return encodePt(tensors.size === 1 ? onlyTensor(message) : tensors);
}

function writeSafetensors(message: Message): Bytes {
  const tensors = Object.fromEntries(tensorsOf(message));
  const own = message.format === "safetensors" ? readSafetensors(message.payload).metadata : [];
  const metadata = { ...withoutFields(own), ...fieldsOf(message) };
  metadata[CHECKSUM] = checksum(tensors, metadata);
  return encodeSafetensors(tensors, metadata);
}

function readSafetensorsMessage(bytes: Bytes, named: { sequence: number; end: boolean }): Message {
  const { tensors: found, metadata: text } = readSafetensors(bytes);
  const tensors = Object.fromEntries(found);
  const { [CHECKSUM]: sum, ...metadata } = Object.fromEntries(text);
  if (sum === undefined) return message(bytes, { ...named, format: "safetensors" });
  if (sum !== checksum(tensors, metadata)) {
    throw new TransportError("checksum", "Cannot read the window: its file is damaged");
  }
  const fields = parseFields(metadata);
  if (fields.format === "bytes") return message(payloadOf(tensors), fields);
  const own = withoutFields(Object.entries(metadata));
  return message(encodeSafetensors(tensors, own), fields);
}

function readNpyMessage(bytes: Bytes, named: { sequence: number; end: boolean }): Message {
  const array = readNpy(bytes);
  if (array.dtype === "U8" && array.shape.length === 1) return message(tensorBytes(array), named);
  return message(encodeSafetensors({ [PAYLOAD]: array }), { ...named, format: "safetensors" });
}

function payloadOf(tensors: Record<string, Tensor>): Uint8Array {
  const payload = tensors[PAYLOAD];
  if (payload) return tensorBytes(payload);
  throw new TransportError("format", `Cannot read the window: it has no tensor "${PAYLOAD}"`);
}

/** The metadata that is not ours: a payload may be a file that this channel wrote. */
function withoutFields(metadata: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries([...metadata].filter(([name]) => !name.startsWith(PREFIX)));
}

function fieldsOf(message: Message): Record<string, string> {
  const { streamId, sequence, pts, modelId, key, end, afterDrop, format } = message;
  const fields = { streamId, sequence, pts, modelId, key, end, afterDrop, format };
  return Object.fromEntries(Object.entries(fields).map(([k, v]) => [PREFIX + k, String(v)]));
}

function parseFields(metadata: Record<string, string>): Omit<Message, "payload"> {
  const field = (name: string) => metadata[PREFIX + name] ?? "";
  return {
    streamId: field("streamId"),
    sequence: Number(field("sequence")),
    pts: Number(field("pts")),
    modelId: field("modelId"),
    key: field("key") === "true",
    end: field("end") === "true",
    afterDrop: field("afterDrop") === "true",
    format: field("format") as PayloadFormat,
  };
}

/** Over the elements of all tensors and the text, both by name. */
function checksum(tensors: Record<string, Tensor>, metadata: Record<string, string>): string {
  const byName = ([a]: [string, unknown], [b]: [string, unknown]) => a < b ? -1 : 1;
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  let sum = crc32(json(Object.entries(metadata).sort(byName)));
  for (const [name, { dtype, shape, ...rest }] of Object.entries(tensors).sort(byName)) {
    sum = crc32(json([name, dtype, shape]), sum);
    sum = crc32(tensorBytes({ dtype, shape, ...rest }), sum);
  }
  return String(sum);
}
