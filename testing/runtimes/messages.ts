/** Encodes messages, decodes them, and finds damage. */
import { decodeMessage, encodeMessage, message, newStreamId } from "@vcs/transport/message";
import { digest, type Entry, noise, same } from "./check.ts";

const run: Entry = async () => {
  const streamId = newStreamId();
  same(/^[0-9a-f]{16}$/.test(streamId), true, "a stream id");
  const fields = { sequence: 2 ** 40, pts: 1.25, key: true, modelId: "00000000000000ff" };
  const bytes = encodeMessage(message(noise(100_000, 1), fields));
  const { payload, ...read } = decodeMessage(bytes);
  same(payload.length, 100_000, "the payload's length");
  const damaged = bytes.slice();
  damaged[5000]! ^= 1;
  let code: unknown;
  try {
    decodeMessage(damaged);
  } catch (error) {
    code = (error as { code?: string }).code;
  }
  same(code, "checksum", "what damage is found by");
  return { read, digest: await digest(bytes) };
};

export default run;
