/**
 * Sources as every worker finds them, whatever its folder is.
 *
 * @module
 */
import { resolve } from "node:path";
import type { BatchItem } from "../record.ts";

/** Items with whole paths; URLs are as they are. */
export async function* absoluteItems(items: AsyncIterable<BatchItem>): AsyncGenerator<BatchItem> {
  for await (const item of items) {
    const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(item.source) && !/^[a-z]:[\\/]/i.test(item.source);
    yield isUrl ? item : { ...item, source: resolve(item.source) };
  }
}
