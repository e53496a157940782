/**
 * The names that a PyTorch checkpoint may use, and what each stands for. Everything that is not in
 * these tables is refused by its name; nothing is matched by prefix except the classes that a
 * TorchScript archive defines itself, which become stand-ins like all others.
 *
 * Sources: `torch/_utils.py` (the rebuild functions), `torch/serialization.py` (persistent ids,
 * storage classes), `torch/jit/_pickle.py` and `torch/csrc/jit/serialization/pickler.cpp`
 * (TorchScript), `torch_npu/utils/storage.py`.
 *
 * @module
 */
import type { DType } from "@vcs/transport/tensor";
import { OnnxError } from "../errors.ts";
import { pickleError } from "./pickle_input.ts";
import { PickleGlobal, PickleObject, PickleTuple } from "./pickle_values.ts";
import { type TorchStorage, TorchTensor } from "./tensor.ts";

/** Names of `torch.dtype` objects. */
const DTYPES: Readonly<Record<string, DType>> = {
  bool: "BOOL",
  uint8: "U8",
  int8: "I8",
  int16: "I16",
  short: "I16",
  uint16: "U16",
  int32: "I32",
  int: "I32",
  uint32: "U32",
  int64: "I64",
  long: "I64",
  uint64: "U64",
  float16: "F16",
  half: "F16",
  bfloat16: "BF16",
  float32: "F32",
  float: "F32",
  float64: "F64",
  double: "F64",
  complex64: "C64",
  cfloat: "C64",
  float8_e5m2: "F8_E5M2",
  float8_e4m3fn: "F8_E4M3",
  float8_e8m0fnu: "F8_E8M0",
  float8_e5m2fnuz: "F8_E5M2FNUZ",
  float8_e4m3fnuz: "F8_E4M3FNUZ",
};

/** Element types of typed storage classes, by the word before `Storage`. */
const STORAGES: Readonly<Record<string, DType | "bytes">> = {
  Bool: "BOOL",
  Byte: "U8",
  Char: "I8",
  Short: "I16",
  Int: "I32",
  Long: "I64",
  Half: "F16",
  BFloat16: "BF16",
  Float: "F32",
  Double: "F64",
  ComplexFloat: "C64",
  Untyped: "bytes",
  _Untyped: "bytes",
};

/** Modules that hold storage classes; those of accelerators are in files written on them. */
const STORAGE_MODULES = ["torch", "torch.storage", "torch.cuda", "torch_npu.npu", "torch.npu"];

/** Tensors without a plain storage, by how their names end, and what they are. */
const UNREAD: readonly (readonly [RegExp, string])[] = [
  [/^torch\._utils\._rebuild_sparse(_csr)?_tensor$/, "sparse tensors"],
  [
    /^torch\._utils\._rebuild_qtensor$|^torch\..*\bQ(UInt|Int)\d+(x\d+)?Storage$/,
    "quantised tensors",
  ],
  [/^torch\.(qint|quint)\d+(x\d+)?$/, "quantised tensors"],
  [/^torch\._utils\._rebuild_meta_tensor_no_storage$/, "tensors of the meta device"],
  [/^torch\._utils\._rebuild_nested_tensor$/, "nested tensors"],
  [/^torch\._utils\._rebuild_wrapper_subclass$/, "tensors of subclasses that wrap others"],
  [
    /^torch\._utils\._rebuild_(device_tensor_from_(numpy|cpu_tensor)|xla_tensor|mkldnn_tensor)$/,
    "tensors of devices without a storage",
  ],
];

/** Data classes that become stand-ins. */
const DATA_CLASSES: readonly string[] = [
  "argparse.Namespace",
  "types.SimpleNamespace",
  "builtins.object",
  "__builtin__.object",
  "builtins.complex",
  "builtins.range",
  "builtins.slice",
  "builtins.int",
  "builtins.float",
  "builtins.str",
  "builtins.bool",
  "collections.deque",
  "copyreg._reconstructor",
  "copy_reg._reconstructor",
  "datetime.date",
  "datetime.datetime",
  "datetime.time",
  "datetime.timedelta",
  "datetime.timezone",
  "decimal.Decimal",
  "uuid.UUID",
  ...["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath"]
    .flatMap((name) => [`pathlib.${name}`, `pathlib._local.${name}`]),
  ...["dtype", "ndarray", "bool_", "int32", "int64", "float16", "float32", "float64"]
    .map((name) => `numpy.${name}`),
  ...["scalar", "_reconstruct"]
    .flatMap((name) => [`numpy.core.multiarray.${name}`, `numpy._core.multiarray.${name}`]),
  "numpy.core.numeric._frombuffer",
  "numpy._core.numeric._frombuffer",
  "numpy.random._pickle.__randomstate_ctor",
  "numpy.random._pickle.__generator_ctor",
  "numpy.random._pickle.__bit_generator_ctor",
  "torch.Size",
  "torch.device",
  "torch.Generator",
  "torch.serialization._get_layout",
  "typing.Any",
  "omegaconf.base.ContainerMetadata",
  "omegaconf.base.Metadata",
  "omegaconf.dictconfig.DictConfig",
  "omegaconf.listconfig.ListConfig",
  "omegaconf.nodes.AnyNode",
  "jsonargparse.namespace.Namespace",
  "jsonargparse._namespace.Namespace",
  ...["pytorch_lightning", "lightning.pytorch"].flatMap((lightning) => [
    `${lightning}.callbacks.model_checkpoint.ModelCheckpoint`,
    `${lightning}.callbacks.early_stopping.EarlyStopping`,
    `${lightning}.utilities.parsing.AttributeDict`,
  ]),
  "lightning.fabric.utilities.data.AttributeDict",
  "lightning_fabric.utilities.data.AttributeDict",
];

type Builder = (args: readonly unknown[], name: string) => unknown;

/** The numbers of a tuple, or of the tuple inside a torch.Size. */
function numbers(value: unknown, what: string): number[] {
  const size = value instanceof PickleObject && value.className === "torch.Size";
  const tuple = size ? value.args[0] : value;
  const items = tuple instanceof PickleTuple ? tuple.items : undefined;
  if (!items?.every((item): item is number => typeof item === "number")) {
    throw pickleError(`a tensor's ${what} are not a tuple of whole numbers`);
  }
  return [...items];
}

function isStorage(value: unknown): value is TorchStorage {
  return typeof value === "object" && value !== null && "byteLength" in value && "key" in value;
}

function buildTensor(args: readonly unknown[], dtype: DType | undefined): TorchTensor {
  const [storage, offset, shape, strides] = args;
  if (!isStorage(storage)) throw pickleError("a tensor's storage is something else");
  const element = dtype ?? storage.dtype;
  if (element === undefined) throw pickleError("a tensor of untyped bytes without a dtype");
  if (typeof offset !== "number") throw pickleError("a tensor's offset is not a number");
  return new TorchTensor(storage, {
    dtype: element,
    shape: numbers(shape, "sizes"),
    strides: numbers(strides, "strides"),
    offset,
  });
}

/** Negated and conjugated views keep other numbers than their storage: we do not undo that. */
function refuseLazyBits(metadata: unknown): void {
  if (!(metadata instanceof Map)) return;
  for (const bit of ["conj", "neg"]) {
    if (metadata.get(bit) !== true) continue;
    throw new OnnxError("checkpoint-refused", `Cannot read a tensor with its ${bit} bit set`);
  }
}

function rebuildV2(args: readonly unknown[]): TorchTensor {
  refuseLazyBits(args[6]);
  return buildTensor(args, undefined);
}

function rebuildV3(args: readonly unknown[]): TorchTensor {
  const dtype = args[6] instanceof PickleGlobal ? dtypeOf(args[6].name) : undefined;
  if (dtype === undefined) throw pickleError("a tensor's dtype is not one that we read");
  refuseLazyBits(args[7]);
  return buildTensor(args, dtype);
}

function first(args: readonly unknown[], name: string): unknown {
  if (args.length === 0) throw pickleError(`${name} without arguments`);
  return args[0];
}

function parameter(args: readonly unknown[], name: string): TorchTensor {
  const value = first(args, name);
  if (value instanceof TorchTensor) return value;
  throw pickleError("a parameter of what is not a tensor");
}

const FROM_TYPE = "torch._tensor._rebuild_from_type_v2";

/** A tensor that carries attributes: the function that makes the tensor comes first. */
function rebuildFromType(args: readonly unknown[]): unknown {
  const [callable, , inner] = args;
  if (!(callable instanceof PickleGlobal) || !(inner instanceof PickleTuple)) {
    throw pickleError("a tensor with attributes that does not say how it is made");
  }
  if (callable.name === FROM_TYPE) throw pickleError("attributes of a tensor with attributes");
  return constructTorch(callable, inner.items);
}

function dictionary(args: readonly unknown[]): Map<unknown, unknown> {
  const entries = args[0] instanceof PickleTuple ? args[0].items : args[0] ?? [];
  if (entries instanceof Map) return new Map(entries);
  if (!Array.isArray(entries)) throw pickleError("a dictionary of what is not a list of pairs");
  return new Map(entries.map((entry: unknown) => {
    const pair = entry instanceof PickleTuple ? entry.items : entry;
    if (!Array.isArray(pair) || pair.length !== 2) throw pickleError("a pair that is none");
    return [pair[0], pair[1]];
  }));
}

function sequence(args: readonly unknown[]): unknown[] {
  const value = args[0] ?? [];
  const items = value instanceof PickleTuple ? value.items : value;
  if (Array.isArray(items)) return [...items];
  if (items instanceof Set) return [...items];
  throw pickleError("a sequence of what is not a list");
}

/** Bytes as protocol 2 writes them: a Latin-1 string and the word latin1. */
function encodeLatin1(args: readonly unknown[]): Uint8Array {
  const [text, encoding] = args;
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) {
    throw pickleError("bytes in an encoding other than latin1");
  }
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Empty bytes are written as a call without arguments. */
function bytesOf(args: readonly unknown[]): Uint8Array {
  if (args.length === 0) return new Uint8Array();
  return args[0] instanceof Uint8Array ? args[0] : encodeLatin1(args);
}

const EMPTY_DEFAULTDICT: Builder = (args) => dictionary(args.slice(1));

/** What REDUCE of a name gives. */
const BUILDERS: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["collections.OrderedDict", dictionary],
  ["collections.defaultdict", EMPTY_DEFAULTDICT],
  ["collections.Counter", dictionary],
  ...["builtins", "__builtin__"].flatMap((module): [string, Builder][] => [
    [`${module}.dict`, dictionary],
    [`${module}.list`, sequence],
    [`${module}.tuple`, (args) => new PickleTuple(sequence(args))],
    [`${module}.set`, (args) => new Set(sequence(args))],
    [`${module}.frozenset`, (args) => new Set(sequence(args))],
    [`${module}.bytearray`, bytesOf],
    [`${module}.bytes`, bytesOf],
  ]),
  ["_codecs.encode", encodeLatin1],
  ["torch._utils._rebuild_tensor", (args) => buildTensor(args.slice(0, 4), undefined)],
  ["torch._utils._rebuild_tensor_v2", rebuildV2],
  ["torch._utils._rebuild_tensor_v3", rebuildV3],
  ["torch_npu.utils.storage._rebuild_npu_tensor", (args) => rebuildV2(args.slice(0, 6))],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
  [FROM_TYPE, rebuildFromType],
  ["torch.jit._pickle.build_intlist", first],
  ["torch.jit._pickle.build_doublelist", first],
  ["torch.jit._pickle.build_boollist", first],
  ["torch.jit._pickle.build_tensorlist", first],
  ["torch.jit._pickle.restore_type_tag", first],
]);

const STAND_INS: ReadonlySet<string> = new Set([
  ...DATA_CLASSES,
  ...Object.keys(DTYPES).map((name) => `torch.${name}`),
  "torch.nn.parameter.Parameter",
  "torch.Tensor",
  "torch._tensor.Tensor",
]);

/** Element type of a `torch.dtype` by its dotted name. */
function dtypeOf(name: string): DType | undefined {
  const word = name.startsWith("torch.") ? name.slice(6) : "";
  return Object.hasOwn(DTYPES, word) ? DTYPES[word] : undefined;
}

/** Element type of a storage class by its dotted name: `bytes` for untyped ones. */
export function storageDType(name: string): DType | "bytes" | undefined {
  const at = name.lastIndexOf(".");
  const word = name.endsWith("Storage") ? name.slice(at + 1, -"Storage".length) : "";
  const known = STORAGE_MODULES.includes(name.slice(0, at)) && Object.hasOwn(STORAGES, word);
  return known ? STORAGES[word] : undefined;
}

/** Refuses tensors that would vanish as stand-ins, whatever is allowed. */
function refuseUnread(name: string): void {
  const kind = UNREAD.find(([pattern]) => pattern.test(name))?.[1];
  if (kind === undefined) return;
  throw new OnnxError(
    "checkpoint-refused",
    `Cannot read the checkpoint: ${kind} are not read, found ${name}; expected plain, dense ones`,
  );
}

/** Most names that are gathered before a checkpoint is refused, and characters of each. */
const MAX_UNKNOWN = 50;
const MAX_NAME = 200;

/**
 * Refuses a checkpoint for the names in it that are not on the list, all at once.
 *
 * @throws {OnnxError} `checkpoint-refused`: there are some
 */
export function refuseUnknown(unknown: ReadonlySet<string>): void {
  if (unknown.size === 0) return;
  const names = [...unknown].map((name) => name.slice(0, MAX_NAME));
  const verb = names.length > 1 ? "are" : "is";
  throw new OnnxError(
    "checkpoint-refused",
    `Cannot read the checkpoint: it names ${names.join(", ")}, which ${verb} not on the list of ` +
      `tensors and plain data; where that is data, allow it: { allowGlobals: ` +
      `${JSON.stringify(names)} }, ${names.map((name) => `--allow-class ${name}`).join(" ")}`,
  );
}

/**
 * Takes a name that a checkpoint uses. One that is not on the list stands for nothing, and is noted.
 *
 * @param name module and name, with a dot between
 * @param allowed names of further data classes, which become stand-ins
 * @param unknown names that are not on the list: see {@linkcode refuseUnknown}
 * @throws {OnnxError} `checkpoint-refused`: the name is of a tensor that is not read, or one too many
 */
export function acceptGlobal(
  name: string,
  allowed: ReadonlySet<string>,
  unknown: Set<string>,
): PickleGlobal {
  refuseUnread(name);
  const known = BUILDERS.has(name) || STAND_INS.has(name) || storageDType(name) !== undefined ||
    name.startsWith("__torch__.") || allowed.has(name);
  if (!known) unknown.add(name);
  if (unknown.size >= MAX_UNKNOWN) refuseUnknown(unknown);
  return new PickleGlobal(name);
}

/** What REDUCE of an accepted name gives: data for the names with a meaning, else a stand-in. */
export function constructTorch(callable: PickleGlobal, args: readonly unknown[]): unknown {
  const builder = BUILDERS.get(callable.name);
  return builder ? builder(args, callable.name) : new PickleObject(callable.name, args);
}
