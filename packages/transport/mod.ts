/**
 * Tensors, their file formats, bounded flow and channels between machines.
 *
 * @module
 */
export {
  type ChannelOptions,
  type Delivery,
  type MemoryChannel,
  memoryChannel,
  openReceiver,
  openSender,
  type Receiver,
  type ReceiverCounters,
  type Sender,
  type SenderCounters,
} from "./channel.ts";
export {
  decodeMessage,
  encodeMessage,
  MAX_PAYLOAD,
  type Message,
  message,
  newStreamId,
  type PayloadFormat,
} from "./message.ts";
export {
  type ChannelName,
  DELIVERY,
  type DeliveryPromise,
  type Fault,
  keeps,
  type Loss,
} from "./delivery.ts";
export {
  type DType,
  type Tensor,
  tensor,
  type TensorArrays,
  tensorBytes,
  type TensorInfo,
  tensorReshape,
  tensorRows,
} from "./tensor.ts";
export {
  encodeSafetensors,
  type NamedTensors,
  readSafetensors,
  type SafetensorsContent,
  type SafetensorsEntry,
  SafetensorsReader,
  safetensorsStream,
  streamSafetensors,
  type TensorToWrite,
} from "./safetensors.ts";
export { encodeNpy, NpyReader, npyStream, readNpy, streamNpy } from "./npy.ts";
export { encodeNpz, type NpzOptions, NpzReader, npzStream, readNpz } from "./npz.ts";
export { CodedError, TransportError, type TransportErrorCode } from "./errors.ts";
export {
  POLICIES,
  type Policy,
  Queue,
  type QueueCounters,
  type QueueOptions,
} from "./flow/queue.ts";
export { Pacer, type PacerCounters, type PacerOptions, type Underrun } from "./flow/pacer.ts";
export {
  Resequencer,
  type ResequencerCounters,
  type ResequencerOptions,
  type Sequenced,
} from "./flow/resequence.ts";
export { type Clock, ManualClock, systemClock } from "./flow/clock.ts";
export type { ByteSourceInput } from "./io/byte_source.ts";
export { encodePt } from "./formats/pt.ts";
export {
  convertTensor,
  type FloatDType,
  fromBfloat16,
  toBfloat16,
} from "./formats/tensor_convert.ts";
export { batch, type BatchOptions, type BatchWork } from "./batch/batch.ts";
export { type ItemOptions, listItems } from "./batch/items.ts";
export type {
  BatchItem,
  BatchReceived,
  BatchRecord,
  ItemFailure,
  RecordEncoder,
  RecordFile,
} from "./batch/record.ts";
export type { BatchResult } from "./batch/run.ts";
export type { BatchSettings, SettingValue } from "./batch/settings.ts";
export type { BatchCounts, Manifest } from "./batch/output/manifest.ts";
export type { ShardSummary } from "./batch/output/shards.ts";
export type { Split } from "./batch/split.ts";
export { messageTensors, tensorMessage } from "./formats/message_tensors.ts";

if (import.meta.main) {
  const [{ runCommand }, { transport }] = await Promise.all([
    import("./command/run.ts"),
    import("./trial/command.ts"),
  ]);
  await runCommand(transport);
}
