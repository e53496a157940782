/**
 * What the packages of this workspace share and nobody else should rely on: how commands are
 * defined and run. `command/options.ts` is the guide.
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
