/**
 * onnxruntime-web as a way to run models for codecs: the option `openModel` of `@vcs/encodec-stream`.
 *
 * @module
 */
import type { OpenedModel } from "@vcs/encodec-stream";
import { type DType, type Tensor, tensor, type TensorArrays } from "@vcs/transport/tensor";

/** A tensor of onnxruntime-web. */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/** What is used of a session of onnxruntime-web. */
export interface OrtSession {
  readonly inputMetadata: readonly {
    readonly name: string;
    readonly shape?: readonly (number | string)[];
  }[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    want: readonly string[],
  ): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/** What is used of the module `onnxruntime-web/wasm`. */
export interface OrtWeb {
  readonly env: { readonly wasm: { wasmPaths?: { readonly wasm: string }; numThreads?: number } };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array): Promise<OrtSession> };
}

/** onnxruntime-web's names of element types. */
const TYPES = { F32: "float32", I32: "int32", I64: "int64", BOOL: "bool", U8: "uint8" } as const;

function toOrt(ort: OrtWeb, { dtype, shape, data }: Tensor): OrtTensor {
  const type = TYPES[dtype as keyof typeof TYPES];
  if (type === undefined) throw new TypeError(`Cannot pass ${dtype} to onnxruntime-web`);
  return new ort.Tensor(type, data, shape);
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  const [dtype] = Object.entries(TYPES).find(([, name]) => name === type) ?? [];
  if (dtype === undefined) throw new TypeError(`Cannot take ${type} from onnxruntime-web`);
  return tensor(dtype as DType, dims, data as TensorArrays[DType]);
}

/**
 * A function that opens models in onnxruntime-web. All of them share one stack of WebAssembly, which
 * runs at the same time would overwrite: runs take turns.
 */
export function openWith(ort: OrtWeb): (model: Uint8Array<ArrayBuffer>) => Promise<OpenedModel> {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const result = turn.then(act);
    turn = result.catch(() => {});
    return result;
  };
  return async (model) => {
    const session = await inTurn(() => ort.InferenceSession.create(model));
    return {
      inputs: session.inputMetadata.map(({ name, shape = [] }) => ({ name, shape })),
      async run(feeds, { want = session.outputNames } = {}) {
        const inputs = Object.entries(feeds).map(([name, t]) => [name, toOrt(ort, t)] as const);
        const outputs = await inTurn(() => session.run(Object.fromEntries(inputs), want));
        return Object.fromEntries(want.map((name) => [name, fromOrt(outputs[name]!)]));
      },
      close: () => void inTurn(() => session.release()),
    };
  };
}
