import assert from "node:assert/strict";
import { ManualClock } from "@vcs/transport";
import { createHash } from "node:crypto";
import { OnnxError, type OnnxErrorCode } from "./errors.ts";
import { MODELS } from "./cache/models.ts";
import { removeModel, resolveModel, verifyModel } from "./store.ts";
import { FaultyServer, good, head, type Script, status } from "./testdata/faulty_server.ts";

const BYTES = new TextEncoder().encode("the weights of a network");
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
const FAST = { tries: 2, waitSeconds: 0, stallSeconds: 60 };
const HUB = "hf:vcs/tiny/model.safetensors";

/** Environment variables of a test. */
type Variables = Map<string, string>;

/** Runs with caches in a new folder and no settings but these. */
async function withCaches(
  settings: { [variable: string]: string },
  test: (folder: string, env: Variables) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const places = {
    VCS_CACHE: `${folder}/vcs`,
    TORCH_HOME: `${folder}/torch`,
    HF_HOME: `${folder}/hf`,
  };
  try {
    await test(folder, new Map(Object.entries({ ...places, ...settings })));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function put(path: string, bytes: Uint8Array = BYTES): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, bytes);
}

function isOnnxError(code: OnnxErrorCode, ...patterns: RegExp[]) {
  return (error: unknown) => {
    assert.ok(error instanceof OnnxError, String(error));
    assert.equal(error.code, code, error.message);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  };
}

/** Takes a request and hangs up without a word when a minute has passed. */
function silent(clock: ManualClock): Script {
  return () => clock.advance(60_000);
}

/** A hub: answers HEAD with what it knows of the file, GET with its bytes. */
function hub(bytes: Uint8Array, sha256 = SHA256): Script {
  return async (request, write) => {
    if (request.method === "GET") return await good(bytes)(request, write);
    const linked = { "x-linked-size": BYTES.length, "x-linked-etag": `"${sha256}"` };
    await write(head(302, { ...linked, location: "/blob", "content-length": 0 }));
  };
}

Deno.test("files of torch.hub are found by TORCH_HOME", () =>
  withCaches({}, async (folder, env) => {
    const path = `${folder}/torch/hub/checkpoints/encodec_48khz-7e698e3e.th`;
    await put(path);
    assert.equal(await resolveModel("encodec_48khz", { env }), path);
    assert.equal(await resolveModel("ENCODEC_48khz", { env }), path);
    assert.equal(await resolveModel("encodec_48khz-7e698e3e.th", { env }), path);
  }));

Deno.test("files of Hugging Face's cache are found, the main branch first", () =>
  withCaches({}, async (folder, env) => {
    const name = "models--TencentARC--Open-MAGVIT2-Tokenizer-262144-Video";
    const file = "video_128_262144.ckpt";
    const snapshots = `${folder}/hf/hub/${name}/snapshots`;
    await put(`${snapshots}/aaaa/${file}`);
    assert.equal(await resolveModel("open-magvit2-video", { env }), `${snapshots}/aaaa/${file}`);
    await put(`${snapshots}/bbbb/${file}`);
    await put(`${folder}/hf/hub/${name}/refs/main`, new TextEncoder().encode("bbbb\n"));
    assert.equal(await resolveModel("open-magvit2-video", { env }), `${snapshots}/bbbb/${file}`);
    env.set("HF_HUB_CACHE", `${folder}/elsewhere`);
    await assert.rejects(
      resolveModel("open-magvit2-video", { offline: true, env }),
      isOnnxError("model-missing"),
    );
  }));

Deno.test("our own folder goes before those of others", () =>
  withCaches({}, async (folder, env) => {
    await put(`${folder}/torch/hub/checkpoints/encodec_24khz-d7cc33bc.th`);
    const own = `${folder}/vcs/models/encodec_24khz-d7cc33bc.th`;
    await put(own);
    assert.equal(await resolveModel("encodec_24khz", { env }), own);
  }));

for (const variable of ["HF_HUB_OFFLINE", "VCS_OFFLINE"]) {
  Deno.test(`${variable} ends in a message that says what to put where`, () =>
    withCaches({ [variable]: "1" }, async (folder, env) => {
      await assert.rejects(
        resolveModel("encodec_48khz", { env }),
        isOnnxError(
          "model-missing",
          /fetch https:\/\/dl\.fbaipublicfiles\.com\/encodec\/v0\/encodec_48khz-7e698e3e\.th/,
          new RegExp(`put it at ${folder}/vcs/models/encodec_48khz-7e698e3e\\.th`),
          /or give the path/,
        ),
      );
    }));
}

Deno.test("a hub's file is fetched with the token and checked against what the hub knows", () =>
  withCaches({ HF_TOKEN: "secret" }, async (folder, env) => {
    await using server = new FaultyServer(hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    const path = await resolveModel(HUB, { ...FAST, env });
    assert.equal(path, `${folder}/vcs/models/vcs--tiny/model.safetensors`);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.deepEqual(server.requests.map((r) => `${r.method} ${r.path}`), [
      "HEAD /vcs/tiny/resolve/main/model.safetensors",
      "GET /vcs/tiny/resolve/main/model.safetensors",
    ]);
    for (const { headers } of server.requests) {
      assert.equal(headers.get("authorization"), "Bearer secret");
    }
    assert.equal(await resolveModel(HUB, { ...FAST, env }), path);
    assert.equal(server.requests.length, 2);
    assert.equal((await verifyModel(HUB, { env })).right, true);
  }));

Deno.test("the token file of Hugging Face's tools is used", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    await put(`${folder}/hf/token`, new TextEncoder().encode("from-file\n"));
    await resolveModel(HUB, { ...FAST, env });
    assert.equal(server.requests[0]!.headers.get("authorization"), "Bearer from-file");
  }));

Deno.test("a closed repository asks for a token", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(status(401));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(
      resolveModel(HUB, { ...FAST, env }),
      isOnnxError(
        "download-failed",
        /answered 401; it may need a token: set HF_TOKEN/,
        /put it at/,
      ),
    );
    env.set("HF_TOKEN", "x");
    await assert.rejects(resolveModel(HUB, { ...FAST, env }), /accept the model's terms/);
  }));

Deno.test("bytes that the hub does not know are refused", () =>
  withCaches({}, async (_, env) => {
    const other = BYTES.slice();
    other[0]! ^= 1;
    await using server = new FaultyServer(hub(other));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(resolveModel(HUB, { ...FAST, env }), isOnnxError("checksum-mismatch"));
  }));

Deno.test("a hub that is busy or silent for a while is asked again", () =>
  withCaches({}, async (_, env) => {
    const clock = new ManualClock();
    await using server = new FaultyServer(status(503), silent(clock), hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    const path = await resolveModel(HUB, { ...FAST, tries: 9, clock, env });
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.equal((await verifyModel(HUB, { env })).wanted, SHA256);
  }));

Deno.test("a hub that never answers ends in an error", () =>
  withCaches({}, async (_, env) => {
    const clock = new ManualClock();
    await using server = new FaultyServer(silent(clock));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(
      resolveModel(HUB, { ...FAST, clock, env }),
      isOnnxError("download-failed", /nothing came for 60 s/, /put it at/),
    );
  }));

Deno.test("a renamed repository's file is checked all the same", () =>
  withCaches({ HF_TOKEN: "secret" }, async (_, env) => {
    const moved = (bytes: Uint8Array): Script => async (request, write) => {
      if (!request.path.startsWith("/vcs/")) return await hub(bytes)(request, write);
      const location = request.path.replace("/vcs/", "/new/");
      await write(head(307, { location, "content-length": 0 }));
    };
    const other = BYTES.slice();
    other[0]! ^= 1;
    await using server = new FaultyServer(moved(other));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(resolveModel(HUB, { ...FAST, env }), isOnnxError("checksum-mismatch"));
    await using right = new FaultyServer(moved(BYTES));
    env.set("HF_ENDPOINT", right.url);
    await resolveModel(HUB, { ...FAST, env });
    assert.equal((await verifyModel(HUB, { env })).wanted, SHA256);
    for (const { headers } of right.requests) {
      assert.equal(headers.get("authorization"), "Bearer secret");
    }
  }));

Deno.test("an address is a reference; two addresses with one file name are two files", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(good(BYTES));
    const first = await resolveModel(`${server.url}/a/weights.pt?download=true`, { ...FAST, env });
    const second = await resolveModel(`${server.url}/b/weights.pt`, { ...FAST, env });
    assert.notEqual(first, second);
    assert.match(first, /-weights\.pt$/);
    assert.equal(await resolveModel(`${server.url}/b/weights.pt`, { offline: true, env }), second);
  }));

Deno.test("a failed download says what to put where", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(status(404));
    await assert.rejects(
      resolveModel(`${server.url}/weights.pt`, { ...FAST, env }),
      isOnnxError("download-failed", /the server answered 404/, /put it at .*-weights\.pt/),
    );
  }));

Deno.test("what is neither a name nor a file is told with the names that there are", () =>
  withCaches({}, async (_, env) => {
    await assert.rejects(
      resolveModel("encodec_96khz", { env }),
      isOnnxError("model-unknown", /no such file, and the official models are encodec_24khz/),
    );
    await assert.rejects(resolveModel("hf:a/b/../../etc", { env }), isOnnxError("model-unknown"));
    await assert.rejects(verifyModel("nothing", { env }), isOnnxError("model-unknown"));
    await assert.rejects(removeModel("nothing", { env }), isOnnxError("model-unknown"));
  }));

Deno.test("verify compares with the published SHA-256, rm removes only our own files", () =>
  withCaches({}, async (folder, env) => {
    await assert.rejects(verifyModel("encodec_48khz", { env }), isOnnxError("model-missing"));
    const torch = `${folder}/torch/hub/checkpoints/encodec_48khz-7e698e3e.th`;
    await put(torch);
    assert.deepEqual(await verifyModel("encodec_48khz", { env }), {
      local: { path: torch, owner: "torch" },
      found: SHA256,
      wanted: "7e698e3e",
      right: false,
    });
    const own = `${folder}/vcs/models/encodec_48khz-7e698e3e.th`;
    await put(own);
    await put(`${own}.part`);
    assert.deepEqual(await removeModel("encodec_48khz", { env }), [own, `${own}.part`]);
    assert.deepEqual(await removeModel("encodec_48khz", { env }), []);
    assert.equal(await resolveModel("encodec_48khz", { env }), torch);
  }));

Deno.test("every official model has a name of its own and a place to come from", () => {
  const names = MODELS.flatMap((m) => [m.name, ...m.aliases].map((n) => n.toLowerCase()));
  assert.equal(new Set(names).size, names.length);
  for (const model of MODELS) {
    assert.ok(model.bytes > 1e6 && model.files.length > 0);
    for (const file of model.files) {
      if ("url" in file) assert.ok(file.url.startsWith("https://") && file.url.endsWith(file.file));
    }
  }
});

Deno.test("a hub that redirects without end is followed eight times", () =>
  withCaches({}, async (_, env) => {
    let moves = 0;
    const move: Script = (_, write) =>
      write(head(302, { location: `/again/${++moves}`, "content-length": 0 }));
    const asked = Array<Script>(9).fill(move);
    await using server = new FaultyServer(...asked, hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    await resolveModel(HUB, { ...FAST, env });
    const methods = server.requests.map(({ method }) => method);
    assert.deepEqual(methods, [...Array(9).fill("HEAD"), "GET"]);
  }));
