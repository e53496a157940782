/**
 * What an item's process says to the one that started it, on its standard output.
 *
 * @module
 */
import type { BufferedReader } from "../../io/buffered_reader.ts";
import { concatBytes } from "../../io/bytes.ts";
import { encodeSafetensors, readSafetensors } from "../../safetensors.ts";
import type { BatchRecord, ItemFailure } from "../record.ts";

/** That it is ready, the record of an item, or why there is none. */
export type Answer =
  | { readonly ready: true }
  | { readonly record: BatchRecord }
  | { readonly failure: ItemFailure };

/** What is told as JSON: of a record all but its tensors, whose order is that of the names. */
type Head =
  | { readonly ready: true }
  | { readonly failure: ItemFailure }
  | { readonly names: readonly string[]; readonly rest: Omit<BatchRecord, "tensors"> };

/** An answer as bytes: two lengths, JSON of the first, safetensors of the second. */
export function answerBytes(answer: Answer): Uint8Array<ArrayBuffer> {
  let [head, tensors]: [Head, BatchRecord["tensors"]] = [{ ready: true }, {}];
  if ("failure" in answer) head = answer;
  else if ("record" in answer) {
    const { tensors: made, ...rest } = answer.record;
    [head, tensors] = [{ names: Object.keys(made), rest }, made];
  }
  const json = new TextEncoder().encode(JSON.stringify(head));
  const body = encodeSafetensors(tensors);
  const lengths = Uint32Array.of(json.length, body.length);
  return concatBytes([new Uint8Array(lengths.buffer), json, body]);
}

/** The next answer; the other side is trusted. */
export async function nextAnswer(reader: BufferedReader): Promise<Answer> {
  const lengths = new DataView((await reader.take(8)).buffer);
  const json = await reader.take(lengths.getUint32(0, true));
  const body = await reader.take(lengths.getUint32(4, true));
  const head: Head = JSON.parse(new TextDecoder().decode(json));
  if (!("names" in head)) return head;
  const { tensors } = readSafetensors(body);
  const named = head.names.map((name) => [name, tensors.get(name)!] as const);
  return { record: { ...head.rest, tensors: Object.fromEntries(named) } };
}
