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
export { readmeTable } from "./command/help.ts";
export {
  type AnyOperand,
  type AnyOption,
  flag,
  type FlagOption,
  group,
  list,
  type ListOption,
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
export { errorLine, exitCode, runCommand, runMain } from "./command/run.ts";
export { isClosedPipe, print, printable, say } from "./command/terminal.ts";
export { UsageError } from "./command/usage_error.ts";
export {
  anyText,
  choice,
  type ChoiceSpellings,
  type Completion,
  file,
  folder,
  number,
  type NumberRange,
  readValue,
  text,
  type ValueKind,
  whole,
} from "./command/values.ts";
export { type AssetList, readAsset } from "./command/site_assets.ts";
export { SiteError, type SiteErrorCode } from "./command/site_error.ts";
export { Feed, type FeedOptions, type FeedViewer } from "./command/site_feed.ts";
export type { Handler, RouteTable, SiteRequest } from "./command/site_routes.ts";
export { Site, type SiteOptions } from "./command/site.ts";
export { isLoopback } from "./command/site_guard.ts";
export * from "./flow/abort.ts";
export * from "./flow/idle.ts";
export * from "./flow/replay_window.ts";
export * from "./flow/retry.ts";
export * from "./formats/crc32.ts";
export * from "./formats/transpose.ts";
export * from "./io/buffered_reader.ts";
export * from "./io/bytes.ts";
export * from "./io/defined.ts";
export * from "./io/files.ts";
export * from "./io/write_all.ts";
export { freePort } from "./brokers.ts";
