import {
  binaryAnswer,
  type Fault,
  type ModelServer,
  serveModels,
} from "#testing/kserve/model_server.ts";
import { GraphBuilder, modelBytes } from "@vcs/onnx";
import type { OnnxError } from "@vcs/onnx/errors";
import { Session } from "@vcs/onnx/session";
import { ManualClock, systemClock } from "@vcs/transport";
import { tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { authorization, readAddress } from "./address.ts";
import { ServedModel } from "./served_model.ts";

/** A graph that keeps a state: y = x + sum, and n, which only has whole numbers. */
async function summing(): Promise<Session> {
  const g = new GraphBuilder("summing");
  const x = g.input("x", "F32", ["N", 3]);
  const sum = g.input("sum", "F32", [3]);
  const next = g.add(sum, g.sum(x, [0], false));
  g.output("y", g.add(x, sum));
  g.output("next.sum", next);
  g.output("n", g.mul(g.input("k", "I64", ["N"]), 2));
  return await Session.open(await modelBytes(g), { device: "cpu", threads: 1 });
}

/** Hands a test a server of that graph, a session there and one here. */
async function withServer(
  test: (there: Session, here: Session, server: ModelServer) => Promise<void>,
  { fault, settings = "" }: { fault?: Fault; settings?: string } = {},
): Promise<void> {
  using here = await summing();
  await using server = serveModels(new Map([["m.summing", here]]), fault);
  using there = await Session.open("m.summing", { device: `${server.device}${settings}` });
  await test(there, here, server);
}

const FEEDS = {
  x: tensor("F32", [2, 3], Float32Array.of(1, 2.5, NaN, -4, Infinity, 1e-40)),
  sum: tensor("F32", [3], Float32Array.of(1, 2, 3)),
  k: tensor("I64", [2], BigInt64Array.of(2n ** 60n, -1n)),
};

/** Faults of runs alone: the model can be opened. */
const ofRuns = (fault: () => Response | undefined | Promise<Response>): Fault => (request) =>
  request.method === "POST" ? fault() : undefined;

function failsWith(code: OnnxError["code"], message: RegExp) {
  return (error: unknown) => {
    assert.equal((error as OnnxError).code, code, String(error));
    assert.match((error as OnnxError).message, message);
    return true;
  };
}

Deno.test("a model on a server gives what it gives here, state by state", () =>
  withServer(async (there, here, server) => {
    assert.equal(there.device, server.device);
    assert.deepEqual(there.outputs.map(({ name, dtype }) => [name, dtype]), [
      ["y", "F32"],
      ["next.sum", "F32"],
      ["n", "I64"],
    ]);
    let [a, b] = [FEEDS, FEEDS];
    for (let step = 0; step < 3; step++) {
      const [found, expected] = await Promise.all([there.run(a), here.run(b)]);
      assert.deepEqual(found, expected);
      a = { ...FEEDS, sum: found["next.sum"] as typeof FEEDS.sum };
      b = { ...FEEDS, sum: expected["next.sum"] as typeof FEEDS.sum };
    }
  }));

Deno.test("of a server's outputs those come that are wanted, into tensors that are given", () =>
  withServer(async (there) => {
    assert.deepEqual(Object.keys(await there.run(FEEDS, { want: ["n"] })), ["n"]);
    const n = tensor("I64", [2]);
    const results = await there.run(FEEDS, { want: ["n"], outputs: { n } });
    assert.equal(results.n, n);
    assert.deepEqual([...n.data], [2n ** 61n, -2n]);
    await assert.rejects(
      there.run(FEEDS, { outputs: { n: tensor("I64", [3]) } }),
      /^RangeError: Cannot run: output n is given \[3\], the result is \[2\]/,
    );
    await assert.rejects(there.run({ ...FEEDS, sum: tensor("F32", [4]) }), RangeError);
  }));

Deno.test("a server that is gone is server-failed, or asked again where the address says so", async () => {
  using here = await summing();
  const server = serveModels(new Map([["m.summing", here]]));
  using there = await Session.open("m.summing", { device: server.device });
  using patient = await Session.open("m.summing", { device: `${server.device}?tries=2` });
  await server[Symbol.asyncDispose]();
  await assert.rejects(
    there.run(FEEDS),
    failsWith("server-failed", /^Cannot run m\.summing at kserve:\/\/127.*\?tries=4/),
  );
  await assert.rejects(patient.run(FEEDS), failsWith("server-failed", /^(?!.*tries=4)/));
  await assert.rejects(
    Session.open("m.summing", { device: server.device }),
    failsWith("server-failed", /^Cannot open model m\.summing/),
  );
});

Deno.test("a server that is busy is asked again", async () => {
  const faults = [
    () => new Response("", { status: 503 }),
    () => new Response("", { status: 429 }),
  ];
  const fault = ofRuns(() => faults.shift()?.());
  await withServer(async (there, here, { requests }) => {
    assert.deepEqual(await there.run(FEEDS), await here.run(FEEDS));
    assert.equal(requests.filter((line) => line === "POST /v2/models/m.summing/infer").length, 3);
  }, { fault, settings: "?tries=3" });
});

Deno.test("a server that was killed is asked again, and answers once it is back on its port", async () => {
  using here = await summing();
  const models = new Map([["m.summing", here]]);
  const killed = ofRuns(() => (void server.kill(), new Promise(() => {})));
  const server = serveModels(models, killed);
  const { port } = new URL(server.device);
  await using stack = new AsyncDisposableStack();
  let pauses = 0;
  const clock = {
    now: () => 0,
    sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
      // A minute and more is the wait for an answer; it comes, or the connection ends.
      if (milliseconds >= 60_000) return systemClock.sleep(milliseconds, signal);
      if (++pauses === 2) stack.use(serveModels(models, undefined, Number(port)));
      return Promise.resolve();
    },
  };
  const there = await ServedModel.open("m.summing", `${server.device}?tries=3`, clock);
  // The first request ends with the server, nobody is there for the second.
  const found = await there.run(FEEDS, there.outputs, {});
  assert.deepEqual([found, pauses], [await here.run(FEEDS), 2]);
});

Deno.test("a server that says nothing is given up after its timeout, and at the signal", async () => {
  using here = await summing();
  const clock = new ManualClock();
  const answer = Promise.withResolvers<Response>();
  let asked = Promise.withResolvers<void>();
  await using server = serveModels(
    new Map([["m.summing", here]]),
    ofRuns(() => (asked.resolve(), answer.promise)),
  );
  const there = await ServedModel.open("m.summing", `${server.device}?timeout=60`, clock);
  const failed = assert.rejects(
    there.run(FEEDS, there.outputs, {}),
    failsWith("server-failed", /nothing came for 60 s/),
  );
  await asked.promise;
  await clock.advance(60_000);
  await failed;
  asked = Promise.withResolvers<void>();
  const stop = new AbortController();
  const stopped = assert.rejects(
    there.run(FEEDS, there.outputs, { signal: stop.signal }),
    /enough/,
  );
  await asked.promise;
  stop.abort(new Error("enough"));
  await stopped;
  answer.resolve(new Response());
});

Deno.test("an answer beyond the limit is refused, whether its length is said or not", async () => {
  const sizes = ["said", "unsaid"];
  const fault = ofRuns(() => {
    const bytes = new Uint8Array(5000);
    return new Response(sizes.shift() === "said" ? bytes : new Blob([bytes]).stream());
  });
  await withServer(async (there) => {
    for (let i = 0; i < 2; i++) {
      await assert.rejects(there.run(FEEDS), failsWith("limit", /at most 4000, the limit=/));
    }
  }, { fault, settings: "?limit=4000" });
});

Deno.test("what a server refuses is said in its words", async () => {
  const answers: [Response, OnnxError["code"], RegExp][] = [
    [Response.json({ error: "bad shape" }, { status: 400 }), "run-failed", /400: bad shape$/],
    [Response.json({ error: "no GPU" }, { status: 500 }), "run-failed", /500: no GPU$/],
    [new Response("<html>", { status: 401 }), "server-failed", /answered 401$/],
    [Response.redirect("http://127.0.0.1:1/"), "server-failed", /answered 302$/],
  ];
  const waiting = answers.map(([response]) => response);
  await withServer(async (there, _here, { device }) => {
    for (const [, code, words] of answers) {
      await assert.rejects(there.run(FEEDS), failsWith(code, words));
    }
    await assert.rejects(
      Session.open("other", { device }),
      failsWith("model-unknown", /404: no model other$/),
    );
  }, { fault: ofRuns(() => waiting.shift()!) });
});

Deno.test("an answer that is not of the protocol, or not of the model, is answer-invalid", async () => {
  const n = { name: "n", datatype: "INT64", shape: [2], parameters: { binary_data_size: 16 } };
  const bytes = [new Uint8Array(16)];
  const headed = (length: string) =>
    new Response("{}", { headers: { "inference-header-content-length": length } });
  const answers: [Response, RegExp][] = [
    [Response.json({ outputs: [{ ...n, data: [1, 2] }] }), /tensors as text/],
    [headed("99"), /content-length: 99/],
    [headed("-1"), /content-length: -1/],
    [headed("1"), /no JSON object/],
    [headed("2"), /no outputs/],
    [binaryAnswer([], []), /no output n/],
    [binaryAnswer([{ ...n, datatype: "FP64" }], bytes), /output n as FP64/],
    [binaryAnswer([{ ...n, shape: [2, 1] }], bytes), /as INT64 \[2, 1\]/],
    [binaryAnswer([{ ...n, shape: [3] }], bytes), /found 16 bytes of output n, expected 24/],
    [binaryAnswer([{ ...n, shape: [-2] }], bytes), /no shape of n/],
    [binaryAnswer([n], []), /binary_data_size 16 of n/],
    [binaryAnswer([{ ...n, parameters: { binary_data_size: -8 } }], bytes), /size -8/],
    [binaryAnswer([n], [...bytes, ...bytes]), /16 bytes behind/],
  ];
  const waiting = answers.map(([response]) => response);
  await withServer(async (there) => {
    for (const [, words] of answers) {
      await assert.rejects(there.run(FEEDS, { want: ["n"] }), failsWith("answer-invalid", words));
    }
  }, { fault: ofRuns(() => waiting.shift()!) });
});

Deno.test("metadata that is not of the protocol opens no model", async () => {
  const answers: [unknown, OnnxError["code"]][] = [
    ["text", "answer-invalid"],
    [{ inputs: [] }, "answer-invalid"],
    [{ inputs: [{ name: 1, datatype: "FP32", shape: [1] }], outputs: [] }, "answer-invalid"],
    [{ inputs: [{ name: "x", datatype: "FP32", shape: [-2] }], outputs: [] }, "answer-invalid"],
    [{ inputs: [{ name: "x", datatype: "BYTES", shape: [1] }], outputs: [] }, "model-invalid"],
  ];
  const waiting = answers.map(([json]) => json);
  await using server = serveModels(new Map(), () => Response.json(waiting.shift()));
  for (const [, code] of answers) {
    await assert.rejects(Session.open("m", { device: server.device }), failsWith(code, /./));
  }
});

Deno.test("a server's model is opened by its name alone", async () => {
  const device = "kserve://127.0.0.1:1";
  await assert.rejects(Session.open(new Uint8Array(), { device }), TypeError);
  for (const name of ["", "..", "a/b", "/tmp/model.onnx", "a?b"]) {
    await assert.rejects(Session.open(name, { device }), RangeError, name);
  }
});

Deno.test("addresses of servers: what they say, and what is refused without a secret in the message", () => {
  assert.deepEqual(readAddress("kserves://host/there/?timeout=1.5&tries=4&limit=10"), {
    ...{ base: "https://host/there", name: "kserves://host/there" },
    ...{ timeout: 1.5, tries: 4, limit: 10 },
  });
  const { timeout, tries, limit } = readAddress("kserve://host:8000");
  assert.deepEqual([timeout, tries, limit], [300, 1, 2 ** 30]);
  for (
    const address of [
      ...["kserve://", "kserve://h?x=1", "kserve://h?tries=0", "kserve://h?tries=1.5"],
      ...["kserve://h?limit=1e3", "kserve://h?timeout=-1", "kserve://me:secret@h"],
    ]
  ) {
    assert.throws(() => readAddress(address), (error: Error) => {
      assert.ok(error instanceof RangeError);
      return !error.message.includes("secret");
    }, address);
  }
});

Deno.test("who asks a server is said by the environment", () => {
  const of = (...pairs: [string, string][]) => authorization(new Map(pairs));
  assert.deepEqual(of(), {});
  assert.deepEqual(of(["VCS_KSERVE_TOKEN", "t"]), { authorization: "Bearer t" });
  assert.deepEqual(of(["VCS_KSERVE_USER", "me"], ["VCS_KSERVE_PASSWORD", "wörd"]), {
    authorization: "Basic bWU6d8O2cmQ=",
  });
});

Deno.test("every request tells a server who asks", async () => {
  Deno.env.set("VCS_KSERVE_TOKEN", "token");
  const told: (string | null)[] = [];
  try {
    await withServer(async (there) => void await there.run(FEEDS), {
      fault: (request) => void told.push(request.headers.get("authorization")),
    });
  } finally {
    Deno.env.delete("VCS_KSERVE_TOKEN");
  }
  assert.deepEqual(told, ["Bearer token", "Bearer token"]);
});
