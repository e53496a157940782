/**
 * ONNX Runtime's C API through Deno's foreign function interface: the library found and loaded
 * once per path, the functions that we call, statuses turned into errors, and the C types that
 * pass between. Nothing here knows what a session is for.
 *
 * The API is a table of function pointers that is only ever appended to (`onnxruntime_c_api.h`),
 * so a function is its place in the table, in every version from the one that added it.
 *
 * @module
 */
import { OnnxError, type OnnxErrorCode } from "../errors.ts";
import { forbidLateDestructors } from "./late_destructors.ts";

/**
 * Oldest minor version that is taken, and version of the API that we ask for. Up to 1.18 a value
 * that no node takes shares its memory with others, and only the first run of a session is right
 * (microsoft/onnxruntime#21019); up to 1.20 the last bits of a result depend on the batch.
 */
export const API_VERSION = 21;

/** The versions that are taken, in words. */
export const ALLOWED_VERSIONS: string = `1.${API_VERSION} or a later 1.x`;

const p = "pointer";
const b = "buffer";
const n = "usize";
const i = "i32";

/** Functions that give a status: place in the table, and parameters. */
const CALLS = {
  createEnv: [3, [i, b, b]],
  createSession: [7, [p, b, p, b]],
  createSessionFromArray: [8, [p, b, n, p, b]],
  run: [9, [p, p, b, b, n, b, n, b]],
  createSessionOptions: [10, [b]],
  disableMemPattern: [17, [p]],
  setIntraOpNumThreads: [24, [p, i]],
  setInterOpNumThreads: [25, [p, i]],
  sessionGetInputCount: [30, [p, b]],
  sessionGetOutputCount: [31, [p, b]],
  sessionGetInputTypeInfo: [33, [p, n, b]],
  sessionGetOutputTypeInfo: [34, [p, n, b]],
  sessionGetInputName: [36, [p, n, p, b]],
  sessionGetOutputName: [37, [p, n, p, b]],
  createRunOptions: [39, [b]],
  runOptionsSetTerminate: [46, [p]],
  createTensorWithData: [49, [p, b, n, b, n, i, b]],
  getTensorMutableData: [51, [p, b]],
  castTypeInfoToTensorInfo: [55, [p, b]],
  getTensorElementType: [60, [p, b]],
  getDimensionsCount: [61, [p, b]],
  getDimensions: [62, [p, b, n]],
  getSymbolicDimensions: [63, [p, b, n]],
  getTensorTypeAndShape: [65, [p, b]],
  createCpuMemoryInfo: [69, [i, i, b]],
  allocatorAlloc: [75, [p, n, b]],
  allocatorFree: [76, [p, p]],
  getAllocatorWithDefaultOptions: [78, [b]],
  getAvailableProviders: [125, [b, b]],
  releaseAvailableProviders: [126, [p, i]],
  addSessionConfigEntry: [130, [p, b, b]],
  appendCuda: [204, [p, p]],
  createCudaOptions: [205, [b]],
  updateCudaOptions: [206, [p, b, b, n]],
  appendExecutionProvider: [216, [p, b, b, b, n]],
} as const;

/** Functions that free what others made: place in the table. */
const RELEASES = {
  env: 92,
  status: 93,
  session: 95,
  value: 96,
  runOptions: 97,
  typeInfo: 98,
  tensorInfo: 99,
  sessionOptions: 100,
  cudaOptions: 208,
} as const;

type CallName = keyof typeof CALLS;
type Argument =
  | Deno.PointerValue
  | Uint8Array
  | BigUint64Array
  | BigInt64Array
  | Int32Array
  | number
  | bigint
  | null;

/** What can be freed. */
export type Releasable = keyof typeof RELEASES;

/** A loaded library: calls that throw on a bad status, and releases. */
export interface Runtime {
  /** Version of the library, as `1.30.0`. */
  readonly version: string;
  /** Path that it was loaded from. */
  readonly path: string;
  /** The environment that all sessions share. */
  readonly env: Deno.PointerObject;
  /** Description of ordinary memory. */
  readonly cpuMemory: Deno.PointerObject;
  /** The allocator that names come from. */
  readonly allocator: Deno.PointerObject;
  /** Calls a function now, on this thread. */
  call(name: CallName, code: OnnxErrorCode, doing: string, ...args: Argument[]): void;
  /** Calls a function on another thread; whatever the arguments point to must stay alive. */
  callAsync(name: CallName, code: OnnxErrorCode, doing: string, ...args: Argument[]): Promise<void>;
  /** Frees something; null is allowed. */
  release(what: Releasable, pointer: Deno.PointerValue): void;
}

/** A cell for a pointer that a function gives back. */
export class Out {
  /** The memory to hand over. */
  readonly cell: BigUint64Array<ArrayBuffer> = new BigUint64Array(new ArrayBuffer(8));

  /** The pointer that was given back. */
  get pointer(): Deno.PointerValue {
    return Deno.UnsafePointer.create(this.cell[0]!);
  }

  /** The pointer that was given back, which is not null. */
  get object(): Deno.PointerObject {
    const pointer = this.pointer;
    if (pointer === null) throw new TypeError("ONNX Runtime gave back a null pointer");
    return pointer;
  }

  /** The number that was given back. */
  get size(): number {
    return Number(this.cell[0]);
  }
}

/** Text as C takes it: UTF-8 with a zero behind. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** A path as ONNX Runtime takes it: UTF-16 on Windows, else UTF-8. */
export function cPath(path: string): Uint8Array<ArrayBuffer> {
  if (Deno.build.os !== "windows") return cString(path);
  const units = Uint16Array.from(`${path}\0`, (c) => c.charCodeAt(0));
  return new Uint8Array(units.buffer);
}

/** A list of pointers in memory, for functions that take arrays of them. */
export function pointerArray(pointers: readonly Deno.PointerValue[]): BigUint64Array<ArrayBuffer> {
  // On a buffer of its own: short typed arrays may otherwise lie where the collector moves them.
  const array = new BigUint64Array(new ArrayBuffer(8 * pointers.length));
  pointers.forEach((pointer, at) => array[at] = BigInt(Deno.UnsafePointer.value(pointer)));
  return array;
}

/** Strings in memory with the array that points to them; keep the object while C reads it. */
export class CStrings {
  /** Pointers to the strings. */
  readonly pointers: BigUint64Array<ArrayBuffer>;
  readonly #texts: readonly Uint8Array<ArrayBuffer>[];

  /** Lays out strings. */
  constructor(texts: readonly string[]) {
    this.#texts = texts.map(cString);
    this.pointers = pointerArray(this.#texts.map((text) => Deno.UnsafePointer.of(text)));
  }
}

/** Reads a C string. */
export function readCString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

const libraries = new Map<string, Runtime>();

/** Loads a library, once per path. */
export function loadRuntime(path: string): Runtime {
  let runtime = libraries.get(path);
  if (runtime === undefined) {
    runtime = openRuntime(path);
    libraries.set(path, runtime);
  }
  return runtime;
}

/** Variable that keeps the library from reporting to its maker. */
const NO_TELEMETRY = "ORT_DISABLE_TELEMETRY";

/**
 * Keeps the library from reporting what runs here to mobile.events.data.microsoft.com, which its
 * builds of 1.30 do on Linux, too. A value that the user has set stays.
 */
function forbidTelemetry(): void {
  if (Deno.env.get(NO_TELEMETRY) === undefined) Deno.env.set(NO_TELEMETRY, "1");
}

/** Flags of `dlopen`: RTLD_LAZY, and RTLD_NODELETE. */
const FOR_GOOD = 0x1001;

/**
 * Keeps a library loaded until its process has ended. Deno unloads what it has opened before the
 * handlers of `exit` run; those of the CUDA provider, which is not unloaded, then call into nothing.
 */
function keepLoaded(path: string): void {
  if (Deno.build.os !== "linux") return;
  const definition = { dlopen: { parameters: ["buffer", "i32"], result: "pointer" } } as const;
  const loader = Deno.dlopen("libdl.so.2", definition);
  loader.symbols.dlopen(cString(path), FOR_GOOD);
  loader.close();
}

/** Whether this thread's end has been prepared. */
let isPrepared = false;

/**
 * Ends the process without the destructors of what is loaded, with the status that it was to end
 * with: they would take apart what runs under way still use. Of the handlers of `exit` the last
 * registered is the first to run, and a library registers more as it is used, also while a first run
 * is under way. So ours registers itself when `exit` has begun: before the handlers, `exit` calls what
 * was registered for the end of its thread, which here is `on_exit(_exit, …)`. In a worker, which
 * ends before its process, it registers itself when the worker ends; call this after the library has
 * been used, too.
 */
export function skipDestructors(): void {
  if (Deno.build.os !== "linux") return;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      on_exit: { parameters: ["pointer", "pointer"], result: "i32" },
      onExit: { name: "on_exit", type: "pointer" },
      _exit: { type: "pointer" },
      __cxa_thread_atexit_impl: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
    });
    const { on_exit, onExit, _exit, __cxa_thread_atexit_impl: atThreadEnd } = libc.symbols;
    on_exit(_exit, null);
    // Its last argument is anything of the library that must stay loaded.
    if (!isPrepared) atThreadEnd(onExit, _exit, _exit);
    isPrepared = true;
    libc.close();
  } catch {
    // Not glibc: the destructors run.
  }
}

/** Opens the library and gives its entry point. */
function openBase(path: string): Deno.PointerObject {
  forbidTelemetry();
  try {
    keepLoaded(path);
    const library = Deno.dlopen(path, { OrtGetApiBase: { parameters: [], result: "pointer" } });
    const base = library.symbols.OrtGetApiBase();
    if (base === null) throw new TypeError("OrtGetApiBase gave nothing");
    forbidLateDestructors(base);
    return base;
  } catch (error) {
    const found = error instanceof Error ? error.message : error;
    throw new OnnxError(
      "library-missing",
      `Cannot load ONNX Runtime from ${path}: ${found}; needed is a shared library of ONNX Runtime ${ALLOWED_VERSIONS} for ${Deno.build.target}, run with --allow-ffi`,
      { cause: error },
    );
  }
}

/** The function at a place of a table of pointers. */
function functionAt<const F extends Deno.ForeignFunction>(
  table: Deno.PointerObject,
  place: number,
  definition: F,
): Deno.UnsafeFnPointer<F> {
  const address = new Deno.UnsafePointerView(table).getBigUint64(place * 8);
  const pointer = Deno.UnsafePointer.create<NoInfer<Omit<F, "nonblocking">>>(address);
  if (pointer === null) throw new RangeError(`Cannot call ONNX Runtime: place ${place} is empty`);
  return new Deno.UnsafeFnPointer(pointer, definition);
}

function badVersion(path: string, found: string): OnnxError {
  return new OnnxError(
    "library-version",
    `Cannot use ONNX Runtime from ${path}: found ${found}, needed is ${ALLOWED_VERSIONS}; unset VCS_ONNXRUNTIME to use the one that is fetched`,
  );
}

/**
 * Sees whether a version of the library is one that computes right and has what we call.
 *
 * @throws {OnnxError} `library-version` where it is too old, or of another major version.
 */
export function checkVersion(version: string, path: string): void {
  const minor = Number(/^1\.(\d+)(?![^.-])/.exec(version)?.[1] ?? -1);
  if (minor < API_VERSION) throw badVersion(path, version ? `version ${version}` : "no version");
}

/** The table of functions, after its version. */
function openApi(path: string): { version: string; api: Deno.PointerObject } {
  const base = openBase(path);
  const getVersion = functionAt(base, 1, { parameters: [], result: "pointer" });
  const version = readCString(getVersion.call());
  checkVersion(version, path);
  const getApi = functionAt(base, 0, { parameters: ["u32"], result: "pointer" });
  const api = getApi.call(API_VERSION);
  if (api === null) throw badVersion(path, `version ${version} without API ${API_VERSION}`);
  return { version, api };
}

type Blocking = { parameters: readonly Deno.NativeType[]; result: "pointer" };
type Threaded = Blocking & { nonblocking: true };

/** Functions of the table, each made callable when it is first used. */
class FunctionTable {
  readonly #api: Deno.PointerObject;
  readonly #blocking = new Map<CallName, Deno.UnsafeFnPointer<Blocking>>();
  readonly #threaded = new Map<CallName, Deno.UnsafeFnPointer<Threaded>>();

  constructor(api: Deno.PointerObject) {
    this.#api = api;
  }

  /** A function that runs on this thread. */
  blocking(name: CallName): Deno.UnsafeFnPointer<Blocking> {
    let fn = this.#blocking.get(name);
    if (fn === undefined) {
      const [place, parameters] = CALLS[name];
      fn = functionAt<Blocking>(this.#api, place, { parameters, result: "pointer" });
      this.#blocking.set(name, fn);
    }
    return fn;
  }

  /** A function that runs on another thread. */
  threaded(name: CallName): Deno.UnsafeFnPointer<Threaded> {
    let fn = this.#threaded.get(name);
    if (fn === undefined) {
      const [place, parameters] = CALLS[name];
      const definition = { parameters, result: "pointer", nonblocking: true } as const;
      fn = functionAt<Threaded>(this.#api, place, definition);
      this.#threaded.set(name, fn);
    }
    return fn;
  }
}

/** Turns statuses into errors. */
function statusReader(api: Deno.PointerObject, release: Runtime["release"]) {
  const getMessage = functionAt(api, 2, { parameters: ["pointer"], result: "pointer" });
  return (status: Deno.PointerValue, code: OnnxErrorCode, doing: string) => {
    if (status === null) return;
    const message = readCString(getMessage.call(status));
    release("status", status);
    throw new OnnxError(code, `Cannot ${doing}: ${message}`);
  };
}

/** Frees things by their kind. */
function releaser(api: Deno.PointerObject): Runtime["release"] {
  const functions = Object.fromEntries(
    Object.entries(RELEASES).map(([name, place]) => [
      name,
      functionAt(api, place, { parameters: ["pointer"], result: "void" }),
    ]),
  );
  return (what, pointer) => {
    if (pointer !== null) functions[what]!.call(pointer);
  };
}

/** Severity of `ORT_LOGGING_LEVEL_FATAL`: errors reach the caller, not the terminal. */
const FATAL = 4;
/** `OrtDeviceAllocator` and `OrtMemTypeDefault`. */
const [DEVICE_ALLOCATOR, DEFAULT_MEMORY] = [0, 0];

function openRuntime(path: string): Runtime {
  const { version, api } = openApi(path);
  const functions = new FunctionTable(api);
  const release = releaser(api);
  const check = statusReader(api, release);
  const call: Runtime["call"] = (name, code, doing, ...args) =>
    check(functions.blocking(name).call(...args), code, doing);
  const made = (name: CallName, ...args: Argument[]) => {
    const out = new Out();
    call(name, "library-missing", `start ONNX Runtime from ${path}`, ...args, out.cell);
    return out.object;
  };
  const env = made("createEnv", FATAL, cString("vcs"));
  skipDestructors();
  return {
    version,
    path,
    env,
    cpuMemory: made("createCpuMemoryInfo", DEVICE_ALLOCATOR, DEFAULT_MEMORY),
    allocator: made("getAllocatorWithDefaultOptions"),
    call,
    callAsync: async (name, code, doing, ...args) =>
      check(await functions.threaded(name).call(...args), code, doing),
    release,
  };
}
