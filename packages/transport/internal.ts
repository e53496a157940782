/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable. How a command is defined: `command/options.ts`.
 *
 * @module
 */
export {
  type Command,
  command,
  type CommandContext,
  type CommandDefinition,
  type Invocation,
} from "./command/command.ts";
export {
  type Environment,
  environment,
  homeFolder,
  secretOf,
  withPassword,
} from "./command/environment.ts";
export { encodeRow, writeParquet } from "./batch/output/parquet.ts";
export { batchCommands, type BatchDefinition } from "./batch/command.ts";
export type { BatchWork } from "./batch/batch.ts";
export { type BatchItem, type BatchRecord, isStored } from "./batch/record.ts";
export { readmeTable } from "./command/help.ts";
export {
  type AnyOperand,
  type AnyOption,
  flag,
  type FlagOption,
  group,
  list,
  type ListOption,
  longName,
  type Operand,
  operand,
  operands,
  type OperandTable,
  type OperandValue,
  type OperandValues,
  option,
  type OptionAbout,
  optionalOperand,
  type OptionTable,
  type OptionValue,
  type OptionValues,
  type ValueOption,
} from "./command/options.ts";
export { ProgressLine, type ProgressOutput } from "./command/progress.ts";
export { DownloadBar, megabytes } from "./command/download_bar.ts";
export { errorLine, exitCode, runCommand, runMain } from "./command/run.ts";
export { isClosedPipe, print, printable, refuseTerminal, say } from "./command/terminal.ts";
export { UsageError } from "./command/usage_error.ts";
export {
  anyText,
  choice,
  type ChoiceSpellings,
  type Completion,
  file,
  fileOrUrl,
  folder,
  number,
  type NumberRange,
  readValue,
  text,
  urlText,
  type ValueKind,
  whole,
} from "./command/values.ts";
export { openReceiverAt, openSenderAt } from "./channels/ws/listen.ts";
export type { AssetList } from "./site/assets.ts";
export { SiteError, type SiteErrorCode } from "./site/error.ts";
export { Feed, type FeedOptions, type FeedViewer, type Framed } from "./site/feed.ts";
export type { Handler, RouteTable, SiteRequest } from "./site/routes.ts";
export { Site, type SiteOptions } from "./site/site.ts";
export { SocketListener } from "./site/socket.ts";
export { Streams } from "./site/streams.ts";
export type { UpgradeRoute } from "./site/upgrade.ts";
export type { Conn } from "./flow/places.ts";
export { Guard, type GuardedRequest, type GuardOptions, isLoopback } from "./site/guard.ts";
export { builtin, type Builtins } from "./io/builtin.ts";
export { Condition } from "./flow/condition.ts";
export {
  abortable,
  graceful,
  ignoreAbort,
  onAbort,
  settledWithin,
  untilAborted,
} from "./flow/abort.ts";
export {
  broughtDirectory,
  cacheDirectory,
  isSet,
  sharedCache,
  variable,
} from "./fetch/cache_folder.ts";
export {
  download,
  type DownloadOptions,
  type DownloadProgress,
  sha256Of,
} from "./fetch/download.ts";
export { openRemote, type RemoteFile } from "./fetch/ranges.ts";
export { type LockOptions, withLock } from "./fetch/lock.ts";
export {
  IdleRequest,
  type RequestOptions,
  retryTransient,
  TransientError,
} from "./fetch/requests.ts";
export { IdleTimeout } from "./flow/idle.ts";
export { ReplayWindow } from "./flow/replay_window.ts";
export { attempts, Backoff, type BackoffOptions, retry, type RetryOptions } from "./flow/retry.ts";
export { type Latency, latencyLine, latencyOf, Series, type Summary } from "./flow/statistics.ts";
export { wallTime } from "./flow/clock.ts";
export { type Crc32, crc32 } from "./formats/crc32.ts";
export { transposeMatrix } from "./formats/transpose.ts";
export { type ZipEntry, ZipReader, type ZipReaderOptions } from "./formats/zip_reader.ts";
export { type ZipInput, zipStream } from "./formats/zip_writer.ts";
export { BufferedReader, type ByteReader } from "./io/buffered_reader.ts";
export { type ByteSource, openByteSource } from "./io/byte_source.ts";
export { concatBytes } from "./io/bytes.ts";
export {
  type Credentials,
  hidePasswords,
  shownUrl,
  splitCredentials,
  type SplitUrl,
} from "./io/credentials.ts";
export { type Defined, defined } from "./io/defined.ts";
export { isFile, syncFile } from "./io/files.ts";
export {
  openLog,
  OutputFile,
  type OutputOptions,
  refuseSameFile,
  writeWhole,
} from "./io/output_file.ts";
export { type ByteWriter, writeAll } from "./io/write_all.ts";
export { findPart, type InstallOptions, installPart, type PartState } from "./parts/install.ts";
export {
  BATCH_PARTS,
  CHANNEL_CLIENTS,
  type Need,
  partNeed,
  QUEUE_PARTS,
  setupCommand,
} from "./parts/setup.ts";
export { KAFKA_CLIENT } from "./parts/clients.ts";
export { CHANNEL_OPTIONS, channelOptions } from "./channels/reach/options.ts";
export { type LazyOptions, lazyPart } from "./parts/load.ts";
export { type NpmRegistry, npmRegistry } from "./parts/npm_registry.ts";
export {
  currentPlatform,
  packageFolder,
  type Part,
  type PartPackage,
  partsDirectory,
  partTitle,
} from "./parts/part.ts";
export { freePort } from "./site/free_port.ts";
export { packStrided, stridedSpan, swapByteOrder } from "./formats/tensor_layout.ts";
