/**
 * Deliberate faults of onnx.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "probe.ts",
    find: "const wrong = y.find((v) => v !== SIZE);",
    put: "const wrong = y.find(() => false);",
    means: "a device that computes nonsense is taken",
    tests: ["probe_test.ts"],
  },
  {
    file: "hub.ts",
    find: "moves <= MAX_MOVES",
    put: "moves <= 1000",
    means: "redirections are followed without end",
    tests: ["store_test.ts"],
  },
  {
    file: "model_cache.ts",
    find: "Date.now() - mtime.getTime() > DAY",
    put: "false",
    means: "what interrupted writers left is never removed",
    tests: ["model_test.ts"],
  },
  {
    file: "model_cache.ts",
    find: "Date.now() - mtime.getTime() > DAY",
    put: "true",
    means: "what another process writes now is removed",
    tests: ["model_test.ts"],
  },
  {
    file: "pickle.ts",
    find: "if (this.#steps > MAX_STEPS) throw",
    put: "if (false) throw",
    means: "a pickle may compute without end",
    tests: ["pickle_test.ts"],
  },
  {
    file: "pickle_input.ts",
    find: "if (length > MAX_LONG) {",
    put: "if (false) {",
    means: "an integer of a pickle may have any length",
    tests: ["pickle_test.ts"],
  },
  {
    file: "checkpoint_names.ts",
    find: "if (this.#above.size >= MAX_DEPTH) throw",
    put: "if (false) throw",
    means: "a checkpoint may be nested to any depth",
    tests: ["checkpoint_test.ts"],
  },
  {
    file: "checkpoint_names.ts",
    find: "if (this.#characters > MAX_CHARACTERS) throw",
    put: "if (false) throw",
    means: "names of a checkpoint may fill the memory",
    tests: ["checkpoint_test.ts"],
  },
  {
    file: "torch/tensor.ts",
    find: "if (bytes > Math.max(storage.byteLength, MAX_EXPANDED)) {",
    put: "if (false) {",
    means: "a stretched tensor may fill the memory",
    tests: ["checkpoint_test.ts"],
  },
  {
    file: "torch/zip.ts",
    find: "if (tree.size > MAX_PICKLE) {",
    put: "if (false) {",
    means: "a checkpoint's tree may have any size",
    tests: ["checkpoint_test.ts"],
  },
  {
    file: "session.ts",
    find: "this.#running--;\n      if (this.#closed) this.#release();",
    put: "this.#running--;",
    means: "a session closed during a run is never released",
    tests: ["session_test.ts"],
  },
  {
    file: "session.ts",
    find: "if (this.#running > 0) return;",
    put: "",
    means: "a session is released while it runs",
    tests: ["session_test.ts"],
  },
  {
    file: "places.ts",
    find: "return [...brought, own,",
    put: "return [own,",
    means: "weights that a program brings are fetched again",
    tests: ["store_test.ts"],
  },
  {
    file: "store.ts",
    find: "`${name}-${sha256.slice(0, 8)}${ext}`",
    put: "`${name}${ext}`",
    means: "weights of an earlier version are taken for those of this one",
    tests: ["store_test.ts"],
  },
  {
    file: "ort.ts",
    find: '=== undefined) Deno.env.set(NO_TELEMETRY, "1");',
    put: "=== undefined) return;",
    means: "the library reports to its maker",
    tests: ["session_test.ts"],
  },
  {
    file: "library.ts",
    find: "build !== undefined && problem === undefined",
    put: "build !== undefined",
    means: "the CUDA build is opened where it cannot work",
    tests: ["choice_test.ts"],
  },
  {
    file: "load.ts",
    find: "own === undefined ? missing : []",
    put: "missing",
    means: "a build for another CUDA is said to lack libraries of ours",
    tests: ["choice_test.ts"],
  },
  {
    file: "load.ts",
    find: "if (!files.isHere) return",
    put: "if (files.isHere) return",
    means: "libraries that were fetched are not loaded",
    tests: ["choice_test.ts"],
  },
  {
    file: "problems.ts",
    find: "if (!isOurs || cuda[0] >= CUDA_MAJOR) return [];",
    put: "return [];",
    means: "a driver that is too old is taken",
    tests: ["driver_test.ts", "choice_test.ts"],
  },
  {
    file: "pull.ts",
    find: "!files.isHere && (part === build || !isInstalled(files))",
    put: "!files.isHere",
    means: "libraries that the machine has are fetched",
    tests: ["pull_test.ts"],
  },
  {
    file: "elf.ts",
    find: "address - segment.address + segment.offset",
    put: "address",
    means: "names of needed libraries are read from where the library will be loaded",
    tests: ["elf_test.ts"],
  },
];
