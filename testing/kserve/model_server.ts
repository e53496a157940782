/**
 * A server of models for tests: sessions of this process behind the Open Inference Protocol. It is
 * written beside the client, from the protocol's text; `kserve_test.ts` holds the client against
 * KServe's own server.
 *
 * @module
 */
import type { Session, Tensors } from "@vcs/onnx/session";
import { type DType, tensorByteLength, tensorBytes, tensorFromBytes } from "@vcs/transport/tensor";

/** Names of element types. */
const TYPES: Readonly<Record<string, DType>> = {
  ...{ BOOL: "BOOL", UINT8: "U8", INT32: "I32", INT64: "I64", FP16: "F16", FP32: "F32" },
};

/** What takes the place of an answer, or undefined. */
export type Fault = (request: Request) => Response | undefined | Promise<Response | undefined>;

/** A server that runs. */
export interface ModelServer extends AsyncDisposable {
  /** Its address as a device. */
  readonly device: string;
  /** Requests so far, each as METHOD PATH. */
  readonly requests: readonly string[];
  /** Ends it with all that is under way. */
  kill(): Promise<void>;
}

function typeName(dtype: DType): string {
  return Object.keys(TYPES).find((name) => TYPES[name] === dtype) ?? "BYTES";
}

function described(values: Session["inputs"]) {
  return values.map(({ name, dtype, shape }) => ({
    ...{ name, datatype: typeName(dtype) },
    shape: shape.map((size) => typeof size === "number" ? size : -1),
  }));
}

async function runOf(request: Request, session: Session): Promise<Response> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  let at = Number(request.headers.get("inference-header-content-length"));
  const { inputs, outputs } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, at)));
  const feeds: Tensors = {};
  for (const { name, shape, datatype, parameters } of inputs) {
    const part = bytes.slice(at, at += parameters.binary_data_size);
    feeds[name] = tensorFromBytes(TYPES[datatype]!, shape, part);
  }
  const want = outputs.map(({ name }: { name: string }) => name);
  const results = Object.entries(await session.run(feeds, { want }));
  return binaryAnswer(
    results.map(([name, t]) => ({
      ...{ name, shape: t.shape, datatype: typeName(t.dtype) },
      parameters: { binary_data_size: tensorByteLength(t.dtype, t.shape) },
    })),
    results.map(([, t]) => new Uint8Array(tensorBytes(t))),
  );
}

/** An answer with binary tensors. */
export function binaryAnswer(
  outputs: readonly unknown[],
  parts: readonly Uint8Array<ArrayBuffer>[],
): Response {
  const json = new TextEncoder().encode(JSON.stringify({ model_name: "any", outputs }));
  const headers = { "inference-header-content-length": String(json.length) };
  return new Response(new Blob([json, ...parts]), { headers });
}

/** Serves sessions by their names, on a free port unless one is given. */
export function serveModels(
  models: ReadonlyMap<string, Session>,
  fault: Fault = () => undefined,
  port = 0,
): ModelServer {
  const requests: string[] = [];
  const ending = new AbortController();
  const place = { hostname: "127.0.0.1", port, signal: ending.signal, onListen() {} };
  const server = Deno.serve(place, async (request) => {
    const { pathname } = new URL(request.url);
    requests.push(`${request.method} ${pathname}`);
    const wrong = await fault(request);
    if (wrong) return wrong;
    const [, name = "", infer] = /^\/v2\/models\/([^/]+)(\/infer)?$/.exec(pathname) ?? [];
    const session = models.get(name);
    if (!session) return Response.json({ error: `no model ${name}` }, { status: 404 });
    if (infer) return await runOf(request, session);
    const [inputs, outputs] = [described(session.inputs), described(session.outputs)];
    return Response.json({ name, inputs, outputs });
  });
  return {
    device: `kserve://127.0.0.1:${server.addr.port}`,
    requests,
    async kill() {
      ending.abort();
      await server.finished;
    },
    [Symbol.asyncDispose]: async () => await server.shutdown(),
  };
}
