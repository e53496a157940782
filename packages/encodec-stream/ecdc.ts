/**
 * Reading and writing `.ecdc` files block by block: headers, segments, blocks of codes.
 *
 * @module
 */
export {
  type BlockRange,
  type CodeBlock,
  EcdcReader,
  type OpenOptions,
} from "./container/reader.ts";
export { type EcdcSink, EcdcWriter, type EcdcWriterFields } from "./container/writer.ts";
export {
  type Codes,
  codesOfArray,
  decodeCodes,
  encodeCodes,
  readCodes,
  writeCodes,
} from "./container/codes.ts";
export { concat, cut, type EcdcPart, type EcdcTitles, setTitles } from "./container/edit.ts";
export { fileSink, stdoutSink } from "./container/sinks.ts";
export {
  type EcdcFields,
  type EcdcHeader,
  type EcdcVersion,
  formatHeader,
  type HeaderOptions,
  parseHeader,
  UNKNOWN_LENGTH,
} from "./container/header.ts";
export { describeHeader, type HeaderSummary, summarizeHeader } from "./container/header_summary.ts";
export type { ByteRun, SeekableSource, SourceLike } from "./container/seekable_source.ts";
export type { Json, PythonNumber } from "./container/python_json.ts";
