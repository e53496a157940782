import assert from "node:assert/strict";
import { type Clock, ManualClock } from "@vcs/transport";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { OnnxError, type OnnxErrorCode } from "./errors.ts";
import { type Model, ModelCatalog, packageFile, type ResolveOptions } from "./store.ts";
import { FaultyServer, good, head, type Script, status } from "#testing/faulty_server.ts";

const BYTES = new TextEncoder().encode("the weights of a network");
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
/** As authors put them into names. */
const DIGITS = SHA256.slice(0, 8);
const FAST = { tries: 2, waitSeconds: 0, idleTimeoutSeconds: 60 };
/** Other bytes of that length. */
const OTHER = BYTES.map((byte) => byte ^ 1);
const HUB = "hf:vcs/tiny/model.safetensors";

/** A model that PyTorch may have fetched before. */
function speech(name: string, sha256: string): Model {
  const file = `${name}-${sha256}.th`;
  const url = `https://models.example/v0/${file}`;
  return {
    ...{ name, aliases: [file], about: "speech", bytes: 24 },
    files: [{ file, url, sha256, cache: "torch" }],
  };
}

/** Models of nobody. */
const MODELS: readonly Model[] = [
  speech("speech_24khz", DIGITS),
  speech("speech_48khz", DIGITS),
  {
    ...{ name: "film", aliases: ["film.ckpt"], about: "films", bytes: 24 },
    files: [{ file: "film.ckpt", repository: "example/film-tokens" }],
  },
];

/** The catalogue of these models in a test's caches. */
const models = (env: Variables) => new ModelCatalog(MODELS, { env });

/** Finds or fetches a model in a test's caches. */
const resolve = (name: string, { env, ...options }: ResolveOptions & { env: Variables }) =>
  models(env).resolve(name, options);

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
    const path = `${folder}/torch/hub/checkpoints/speech_48khz-${DIGITS}.th`;
    await put(path);
    assert.equal(await resolve("speech_48khz", { env }), path);
    assert.equal(await resolve("SPEECH_48khz", { env }), path);
    assert.equal(await resolve(`speech_48khz-${DIGITS}.th`, { env }), path);
  }));

Deno.test("files of Hugging Face's cache are found, the main branch first", () =>
  withCaches({}, async (folder, env) => {
    const name = "models--example--film-tokens";
    const file = "film.ckpt";
    const snapshots = `${folder}/hf/hub/${name}/snapshots`;
    await put(`${snapshots}/aaaa/${file}`);
    assert.equal(await resolve("film", { env }), `${snapshots}/aaaa/${file}`);
    await put(`${snapshots}/bbbb/${file}`);
    await put(`${folder}/hf/hub/${name}/refs/main`, new TextEncoder().encode("bbbb\n"));
    assert.equal(await resolve("film", { env }), `${snapshots}/bbbb/${file}`);
    env.set("HF_HUB_CACHE", `${folder}/elsewhere`);
    await assert.rejects(
      resolve("film", { offline: true, env }),
      isOnnxError("model-missing"),
    );
  }));

Deno.test("our own folder goes before those of others", () =>
  withCaches({}, async (folder, env) => {
    await put(`${folder}/torch/hub/checkpoints/speech_24khz-${DIGITS}.th`);
    const own = `${folder}/vcs/models/speech_24khz-${DIGITS}.th`;
    await put(own);
    assert.equal(await resolve("speech_24khz", { env }), own);
  }));

for (const variable of ["HF_HUB_OFFLINE", "VCS_OFFLINE"]) {
  Deno.test(`${variable} ends in a message that says what to put where`, () =>
    withCaches({ [variable]: "1" }, async (folder, env) => {
      await assert.rejects(
        resolve("speech_48khz", { env }),
        isOnnxError(
          "model-missing",
          new RegExp(`fetch https://models\\.example/v0/speech_48khz-${DIGITS}\\.th`),
          new RegExp(`put it at ${folder}/vcs/models/speech_48khz-${DIGITS}\\.th`),
          /or give the path/,
        ),
      );
    }));
}

Deno.test("a hub's file is fetched with the token and checked against what the hub knows", () =>
  withCaches({ HF_TOKEN: "secret" }, async (folder, env) => {
    await using server = new FaultyServer(hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    const path = await resolve(HUB, { ...FAST, env });
    assert.equal(path, `${folder}/vcs/models/vcs--tiny/model.safetensors`);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.deepEqual(server.requests.map((r) => `${r.method} ${r.path}`), [
      "HEAD /vcs/tiny/resolve/main/model.safetensors",
      "GET /vcs/tiny/resolve/main/model.safetensors",
    ]);
    for (const { headers } of server.requests) {
      assert.equal(headers.get("authorization"), "Bearer secret");
    }
    assert.equal(await resolve(HUB, { ...FAST, env }), path);
    assert.equal(server.requests.length, 2);
    assert.equal((await models(env).verify(HUB)).right, true);
  }));

Deno.test("the token file of Hugging Face's tools is used", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    await put(`${folder}/hf/token`, new TextEncoder().encode("from-file\n"));
    await resolve(HUB, { ...FAST, env });
    assert.equal(server.requests[0]!.headers.get("authorization"), "Bearer from-file");
  }));

Deno.test("a closed repository asks for a token", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(status(401));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(
      resolve(HUB, { ...FAST, env }),
      isOnnxError(
        "download-failed",
        /answered 401; it may need a token: set HF_TOKEN/,
        /put it at/,
      ),
    );
    env.set("HF_TOKEN", "x");
    await assert.rejects(resolve(HUB, { ...FAST, env }), /accept the model's terms/);
  }));

Deno.test("bytes that the hub does not know are refused", () =>
  withCaches({}, async (_, env) => {
    const other = BYTES.slice();
    other[0]! ^= 1;
    await using server = new FaultyServer(hub(other));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(resolve(HUB, { ...FAST, env }), isOnnxError("checksum-mismatch"));
  }));

Deno.test("a hub that is busy or silent for a while is asked again", () =>
  withCaches({}, async (_, env) => {
    const clock = new ManualClock();
    await using server = new FaultyServer(status(503), silent(clock), hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    const path = await resolve(HUB, { ...FAST, tries: 9, clock, env });
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.equal((await models(env).verify(HUB)).wanted, SHA256);
  }));

Deno.test("a hub that never answers ends in an error", () =>
  withCaches({}, async (_, env) => {
    const clock = new ManualClock();
    await using server = new FaultyServer(silent(clock));
    env.set("HF_ENDPOINT", server.url);
    await assert.rejects(
      resolve(HUB, { ...FAST, clock, env }),
      isOnnxError("download-failed", /nothing came for 60 s/, /put it at/),
    );
  }));

Deno.test("what is asked of whom is said at once, and each attempt: silence ends after 67 s", () =>
  withCaches({}, async (_, env) => {
    const time = new ManualClock();
    const pauses: number[] = [];
    const clock: Clock = {
      now: () => time.now(),
      sleep: (
        milliseconds,
        signal,
      ) => (pauses.push(milliseconds), time.sleep(milliseconds, signal)),
    };
    await using server = new FaultyServer(({ left }) => left);
    env.set("HF_ENDPOINT", server.url);
    const said: string[] = [];
    const resolved = resolve(HUB, { clock, env, onLine: (line) => said.push(line) });
    let isOver = false;
    const failed = assert.rejects(resolved, isOnnxError("download-failed", /nothing came for 15 s/))
      .finally(() => isOver = true);
    while (said.length === 0) await new Promise((done) => setTimeout(done, 0));
    assert.equal(time.now(), 0);
    while (!isOver) await time.advance(500);
    await failed;
    const { host } = new URL(server.url);
    assert.deepEqual(said, [
      `Fetching ${HUB.split("/").at(-1)} from ${host}`,
      ...[2, 3, 4].map((n) => `nothing came for 15 s; attempt ${n} of 4 follows`),
    ]);
    assert.deepEqual(pauses.map((pause) => pause / 1000), [15, 1, 15, 2, 15, 4, 15]);
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
    await assert.rejects(resolve(HUB, { ...FAST, env }), isOnnxError("checksum-mismatch"));
    await using right = new FaultyServer(moved(BYTES));
    env.set("HF_ENDPOINT", right.url);
    await resolve(HUB, { ...FAST, env });
    assert.equal((await models(env).verify(HUB)).wanted, SHA256);
    for (const { headers } of right.requests) {
      assert.equal(headers.get("authorization"), "Bearer secret");
    }
  }));

Deno.test("a URL is a reference; two URLs with one file name are two files", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(good(BYTES));
    const first = await resolve(`${server.url}/a/weights.pt?download=true`, { ...FAST, env });
    const second = await resolve(`${server.url}/b/weights.pt`, { ...FAST, env });
    assert.notEqual(first, second);
    assert.match(first, /-weights\.pt$/);
    assert.equal(await resolve(`${server.url}/b/weights.pt`, { offline: true, env }), second);
  }));

Deno.test("a failed download says what to put where", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(status(404));
    await assert.rejects(
      resolve(`${server.url}/weights.pt`, { ...FAST, env }),
      isOnnxError("download-failed", /the server answered 404/, /put it at .*-weights\.pt/),
    );
  }));

Deno.test("what is neither a name nor a file is an error that lists the names that there are", () =>
  withCaches({}, async (_, env) => {
    await assert.rejects(
      resolve("speech_96khz", { env }),
      isOnnxError(
        "model-unknown",
        /found neither a file nor .* expected a path, a URL, .*speech_24khz, speech_48khz, film$/,
      ),
    );
    await assert.rejects(resolve("hf:a/b/../../etc", { env }), isOnnxError("model-unknown"));
    await assert.rejects(models(env).verify("nothing"), isOnnxError("model-unknown"));
    await assert.rejects(models(env).remove("nothing"), isOnnxError("model-unknown"));
  }));

Deno.test("verify compares with the published SHA-256, rm removes only our own files", () =>
  withCaches({}, async (folder, env) => {
    await assert.rejects(models(env).verify("speech_48khz"), isOnnxError("model-missing"));
    const torch = `${folder}/torch/hub/checkpoints/speech_48khz-${DIGITS}.th`;
    await put(torch, OTHER);
    const found = createHash("sha256").update(OTHER).digest("hex");
    assert.deepEqual(await models(env).verify("speech_48khz"), {
      ...{ local: { path: torch, owner: "torch" }, found, wanted: DIGITS, right: false },
    });
    await put(torch);
    assert.equal((await models(env).verify("speech_48khz")).right, true);
    const own = `${folder}/vcs/models/speech_48khz-${DIGITS}.th`;
    await put(own);
    await put(`${own}.part`);
    assert.deepEqual(await models(env).remove("speech_48khz"), [own, `${own}.part`]);
    assert.deepEqual(await models(env).remove("speech_48khz"), []);
    assert.equal(await resolve("speech_48khz", { env }), torch);
  }));

Deno.test("a damaged file of another tool, or offline, is refused with what it must be", () =>
  withCaches({ VCS_OFFLINE: "1" }, async (folder, env) => {
    const name = `speech_48khz-${DIGITS}.th`;
    const path = `${folder}/torch/hub/checkpoints/${name}`;
    await put(path);
    assert.equal(await resolve("speech_48khz", { env }), path);
    await put(path, OTHER);
    const isRefused = isOnnxError(
      "checksum-mismatch",
      new RegExp(`${name} is not speech_48khz: found SHA-256 .* begin with ${DIGITS}; remove it`),
    );
    await assert.rejects(resolve("speech_48khz", { env }), isRefused);
    await assert.rejects(resolve("speech_48khz", { env, offline: false }), isRefused);
    await put(`${folder}/vcs/models/${name}`, OTHER);
    await assert.rejects(resolve("speech_48khz", { env }), isRefused);
    assert.deepEqual(await Deno.readFile(`${folder}/vcs/models/${name}`), OTHER);
  }));

Deno.test("a damaged download of ours is fetched again, and a line says so", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(good(BYTES));
    const url = `${server.url}/small.safetensors`;
    const path = await bundled(url, env).resolve("small", FAST);
    await put(path, OTHER);
    const said: string[] = [];
    const onLine = (line: string) => said.push(line);
    assert.equal(await bundled(url, env).resolve("small", { ...FAST, onLine }), path);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.match(said[0]!, /^note: .* is not small: found SHA-256 .*; it is fetched again$/);
  }));

Deno.test("what nobody publishes a SHA-256 of is trusted at its first use, and noted in a list", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(good(BYTES));
    const url = `${server.url}/weights.pt`;
    env.set("VCS_LOCK", `${folder}/mine/models.lock.json`);
    const said: string[] = [];
    const options = { ...FAST, env, onLine: (line: string) => void said.push(line) };
    const path = await resolve(url, options);
    const line = `SHA-256 ${SHA256}; noted in ${folder}/mine/models.lock.json`;
    assert.ok(said[1]!.startsWith("Trusted at its first use: ") && said[1]!.endsWith(line));
    const lock = JSON.parse(await Deno.readTextFile(`${folder}/mine/models.lock.json`));
    assert.deepEqual(lock, { [url]: { sha256: SHA256 } });
    await put(path, OTHER);
    assert.equal((await models(env).verify(url)).right, false);
    assert.equal(await resolve(url, options), path);
    assert.deepEqual(await Deno.readFile(path), BYTES);
    assert.equal(said.filter((text) => text.startsWith("Trusted")).length, 1);
  }));

Deno.test("a download is noted before it has its name: no kill leaves a file without a note", () =>
  withCaches({}, async (_, env) => {
    await using server = new FaultyServer(good(BYTES));
    const said: string[] = [];
    const onLine = (line: string) => {
      if (!line.startsWith("Trusted")) return;
      for (const { name } of Deno.readDirSync(`${env.get("VCS_CACHE")}/models`)) said.push(name);
    };
    const path = await resolve(`${server.url}/weights.pt`, { ...FAST, env, onLine });
    const name = path.slice(path.lastIndexOf("/") + 1);
    assert.ok(said.includes(`${name}.part`) && said.includes("models.lock.json"));
    assert.ok(!said.includes(name));
  }));

Deno.test("a file that is another than at its first use is refused until its entry goes", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(good(BYTES), good(OTHER));
    const url = `${server.url}/weights.pt`;
    await models(env).remove(url);
    const path = await resolve(url, { ...FAST, env });
    await models(env).remove(url);
    const lock = `${folder}/vcs/models/models.lock.json`;
    await assert.rejects(
      resolve(url, { ...FAST, env }),
      isOnnxError("checksum-mismatch", new RegExp(`; ${lock} has it from its first use: remove`)),
    );
    await Deno.writeTextFile(lock, "[1]");
    await assert.rejects(
      resolve(url, { ...FAST, env }),
      isOnnxError("checksum-mismatch", /found something else, expected SHA-256/),
    );
    await Deno.writeTextFile(lock, "{}");
    assert.equal(await resolve(url, { ...FAST, env }), path);
    assert.deepEqual(await Deno.readFile(path), OTHER);
  }));

Deno.test("where nothing can be noted, a line says so", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(good(BYTES));
    // Not there for readers, and no folder can be made.
    await Deno.symlink(`${folder}/nowhere/at/all`, `${folder}/link`);
    env.set("VCS_LOCK", `${folder}/link/models.lock.json`);
    const said: string[] = [];
    const onLine = (line: string) => void said.push(line);
    await resolve(`${server.url}/weights.pt`, { ...FAST, env, onLine });
    assert.match(said[1]!, /^note: cannot note the SHA-256 of .*-weights\.pt in .*: /);
  }));

Deno.test("a hub is asked for the revision that is pinned, or that came first", () =>
  withCaches({}, async (_, env) => {
    const revision = "0123456789abcdef0123456789abcdef01234567";
    const dated: Script = async (request, write) => {
      if (request.method === "GET") return await good(BYTES)(request, write);
      await write(head(200, { "x-repo-commit": revision, "content-length": BYTES.length }));
    };
    await using server = new FaultyServer(dated);
    env.set("HF_ENDPOINT", server.url);
    await resolve(HUB, { ...FAST, env });
    await models(env).remove(HUB);
    await resolve(HUB, { ...FAST, env });
    const path = (name: string) => `/vcs/tiny/resolve/${name}/model.safetensors`;
    const asked = server.requests.map((request) => request.path);
    assert.deepEqual(asked, ["main", "main", revision, revision].map(path));
    const file = {
      file: "model.safetensors",
      repository: "vcs/tiny",
      revision: "v1",
      sha256: SHA256,
    };
    const model = { name: "tiny", aliases: [], about: "tiny", bytes: 24, files: [file] };
    await models(env).remove(HUB);
    const said: string[] = [];
    const options = { ...FAST, onLine: (line: string) => void said.push(line) };
    await new ModelCatalog([model], { env }).resolve("tiny", options);
    assert.equal(server.requests.at(-1)!.path, path("v1"));
    assert.equal(said.length, 1);
  }));

Deno.test("a path, a URL and hf:… work without any models; of a name the hint says more", () =>
  withCaches({}, async (folder, env) => {
    const none = new ModelCatalog([], { env, hint: (name) => `ask elsewhere for ${name}` });
    await put(`${folder}/film.ckpt`);
    assert.equal(await none.resolve(`${folder}/film.ckpt`), `${folder}/film.ckpt`);
    const hubs = `${folder}/hf/hub/models--example--film-tokens/snapshots/aaaa/film.ckpt`;
    await put(hubs);
    const reference = "hf:example/film-tokens/film.ckpt";
    assert.deepEqual(await none.findLocal(reference), { path: hubs, owner: "huggingface" });
    assert.equal(await none.findLocal("film"), undefined);
    await assert.rejects(
      none.resolve("film"),
      isOnnxError("model-unknown", /hf:owner\/name\/file; ask elsewhere for film$/),
    );
  }));

Deno.test("a catalogue finds a model by any spelling and refuses two of one name", () => {
  const catalog = new ModelCatalog(MODELS);
  assert.equal(catalog.find("FILM.ckpt"), MODELS[2]);
  assert.equal(catalog.find("films"), undefined);
  const twin = { ...MODELS[2]!, name: "Speech_24khz" };
  assert.throws(() => new ModelCatalog([...MODELS, twin]), {
    name: "TypeError",
    message: "Cannot make a catalogue: found two models named speech_24khz",
  });
});

Deno.test("a hub that redirects without end is followed eight times", () =>
  withCaches({}, async (_, env) => {
    let moves = 0;
    const move: Script = (_, write) =>
      write(head(302, { location: `/again/${++moves}`, "content-length": 0 }));
    const asked = Array<Script>(9).fill(move);
    await using server = new FaultyServer(...asked, hub(BYTES));
    env.set("HF_ENDPOINT", server.url);
    await resolve(HUB, { ...FAST, env });
    const methods = server.requests.map(({ method }) => method);
    assert.deepEqual(methods, [...Array(9).fill("HEAD"), "GET"]);
  }));

/** A model whose file is bundled with a package at a URL. */
function bundled(url: string, env: Variables, sha256 = SHA256): ModelCatalog {
  const files = [packageFile(new URL(url), sha256, BYTES.length)];
  const model = { name: "small", aliases: [], about: "ours", bytes: BYTES.length, files };
  return new ModelCatalog([model], { env });
}

Deno.test("a bundled file is read in place where its package is a folder", () =>
  withCaches({ VCS_OFFLINE: "1" }, async (folder, env) => {
    const path = `${folder}/package/small.safetensors`;
    const catalog = bundled(pathToFileURL(path).href, env);
    await assert.rejects(catalog.resolve("small"), isOnnxError("model-missing"));
    await put(path);
    assert.equal(await catalog.resolve("small"), path);
    const { local, right } = await catalog.verify("small");
    assert.deepEqual([local, right], [{ path, owner: "package" }, true]);
    env.set("VCS_PARTS", `${folder}/beside`);
    const beside = `${folder}/beside/models/small-${SHA256.slice(0, 8)}.safetensors`;
    await put(beside);
    assert.equal(
      await bundled("https://jsr.example/small.safetensors", env).resolve("small"),
      beside,
    );
    assert.equal(
      (await bundled(pathToFileURL(path).href, env, "0".repeat(64)).verify("small")).right,
      false,
    );
    assert.deepEqual(await catalog.remove("small"), []);
    assert.equal(await Deno.readTextFile(path), "the weights of a network");
  }));

Deno.test("a bundled file of a registry is fetched once, checked, and there without network", () =>
  withCaches({}, async (folder, env) => {
    await using server = new FaultyServer(good(BYTES));
    const url = `${server.url}/small.safetensors`;
    const path = await bundled(url, env).resolve("small", FAST);
    assert.equal(path, `${folder}/vcs/models/small-${SHA256.slice(0, 8)}.safetensors`);
    env.set("VCS_OFFLINE", "1");
    assert.equal(await bundled(url, env).resolve("small"), path);
    assert.equal(server.requests.length, 1);
    assert.equal((await bundled(url, env).verify("small")).right, true);
    env.delete("VCS_OFFLINE");
    const other = bundled(url, env, "0".repeat(64));
    await assert.rejects(other.resolve("small", FAST), isOnnxError("checksum-mismatch"));
  }));
