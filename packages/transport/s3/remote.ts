/**
 * An object of a bucket as a file that is read by ranges.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import type { RemoteFile } from "../fetch/ranges.ts";
import { type RequestOptions, TransientError } from "../fetch/requests.ts";
import { S3Bucket } from "./bucket.ts";
import type { S3Options } from "./requests.ts";

/**
 * Opens an object by its address, `s3://BUCKET/KEY`.
 *
 * @throws {TransportError} `missing` where it is not there, `refused` by the service
 */
export async function openObject(
  url: string,
  { signal, ...options }: S3Options & RequestOptions,
): Promise<RemoteFile> {
  const [, name = "", key = ""] = /^s3:\/\/([^/]+)\/?(.*)$/i.exec(url) ?? [];
  const bucket = new S3Bucket(name, options);
  const failed = (error: unknown): never => {
    if (!(error instanceof TransientError)) throw error;
    throw new TransportError("download-failed", `Cannot read ${url}: ${error.message}`);
  };
  const found = await bucket.version(key, { ...(signal && { signal }) }).catch(failed);
  if (found === undefined) {
    throw new TransportError("missing", `Cannot read ${url}: found no such object`);
  }
  const { size, tag } = found;
  const file = { url, size, tag, received: 0, requests: 0 };
  return Object.assign(file, {
    async read(start: number, end: number, signal?: AbortSignal) {
      file.requests++;
      const part = { start, end, tag, ...(signal && { signal }) };
      const bytes = await bucket.get(key, part).catch(failed);
      if (bytes === undefined) {
        throw new TransportError("missing", `Cannot read on: ${url} is no longer there`);
      }
      file.received += bytes.length;
      return bytes;
    },
  });
}
