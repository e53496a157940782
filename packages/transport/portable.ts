/**
 * What sibling packages use of this package in code that runs everywhere: in Node, Bun, workers and
 * browsers as in Deno. Nothing here imports a module of Node or reads `Deno` as it loads. No promise
 * is made to anyone else.
 *
 * @module
 */
export { openSocketReceiver, openSocketSender } from "./channels/ws/ws.ts";
export { flag, type FlagOption, option, type ValueOption } from "./command/options.ts";
export { choice, number, type NumberRange, type ValueKind, whole } from "./command/values.ts";
export { readUnlessStalled, STALL, steadyBytes, unlessStalled } from "./fetch/stall.ts";
export { abortable, ignoreAbort, onAbort } from "./flow/abort.ts";
export { type Clock, systemClock, wallTime } from "./flow/clock.ts";
export { Pacer, type PacerCounters, type Underrun } from "./flow/pacer.ts";
export { POLICIES, type Policy, Queue, type QueueCounters } from "./flow/queue.ts";
export { Resequencer } from "./flow/resequence.ts";
export { Backoff, type BackoffOptions } from "./flow/retry.ts";
export { type Latency, latencyOf, Series, type Summary } from "./flow/statistics.ts";
export { batches, type BatchSizes, checkWhole, mapOrdered, oneAhead } from "./batch/ordered.ts";
export { messageTensors, tensorMessage } from "./formats/message_tensors.ts";
export { checkBooleans } from "./formats/booleans.ts";
export { packedStrides, packStrided, stridedSpan, swapByteOrder } from "./formats/tensor_layout.ts";
export { convertTensor, type FloatDType } from "./formats/tensor_convert.ts";
export { transposeMatrix } from "./formats/transpose.ts";
export { type ZipEntry, ZipReader } from "./formats/zip_reader.ts";
export { BufferedReader } from "./io/buffered_reader.ts";
export { type ByteSource, type ByteSourceInput, openByteSource } from "./io/byte_source.ts";
export { concatBytes } from "./io/bytes.ts";
export { shownUrl } from "./io/credentials.ts";
export { type Defined, defined } from "./io/defined.ts";
export { syncFile } from "./io/files.ts";
export { streamOf } from "./io/stream_of.ts";
export { type ByteWriter, writeAll } from "./io/write_all.ts";
