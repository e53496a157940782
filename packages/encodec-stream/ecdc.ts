/**
 * Reading and writing `.ecdc` files block by block: headers, segments, blocks of codes.
 *
 * @module
 */
export { type BlockRange, type CodeBlock, EcdcReader } from "./container/reader.ts";
export { type EcdcSink, EcdcWriter, type EcdcWriterFields } from "./container/writer.ts";
export {
  type EcdcFields,
  type EcdcHeader,
  type EcdcPrefix,
  type EcdcVersion,
  formatHeader,
  MAX_JSON_BYTES,
  MAX_SAMPLE_RATE,
  parseHeader,
  parseJsonHeader,
  parsePrefix,
  PREFIX_BYTES,
  versionFor,
} from "./container/header.ts";
export { describeHeader, type HeaderSummary, summarizeHeader } from "./container/info.ts";
export {
  bodyBytes,
  chunkFrames,
  type Extent,
  frameBits,
  framesFor,
  mayBeShortByOne,
  SCALE_BYTES,
  scaleFault,
  segmentCount,
  type SegmentPlace,
  segmentPlace,
} from "./container/segments.ts";
