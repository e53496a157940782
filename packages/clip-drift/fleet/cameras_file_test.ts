import assert from "node:assert/strict";
import { join } from "node:path";
import { parseRule } from "../alerts.ts";
import { type Clock, systemClock } from "@vcs/transport";
import { writeWhole } from "@vcs/transport/internal";
import { type CameraSetting, readCameras } from "./cameras_file.ts";

/** Looks are made as quickly as the machine can. */
const QUICK: Clock = {
  now: () => systemClock.now(),
  sleep: (_, signal) => systemClock.sleep(1, signal),
};

async function withFile(
  text: string,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "cameras.toml"), text);
    await test(join(folder, "cameras.toml"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a generator has given. */
function state({ done, value }: IteratorResult<readonly CameraSetting[], void>) {
  assert.ok(!done && value !== undefined);
  return value;
}

/** The first state of a file. */
async function read(path: string) {
  const { signal } = new AbortController();
  return state(await readCameras(path, { signal, say: () => {} }).next());
}

Deno.test("cameras have names, URLs with secrets of the environment, and options of their own", () =>
  withFile(
    `[camera.door]
url = "http://viewer:$CAMERAS_FILE_TEST@10.0.0.5/video"
alert = ["scene: cut > 0.3 for 2s", "gone: lost > 30"]
max-fps = 5
tls-fingerprint = "${"0A".repeat(32)}"
[camera.yard]
url = "/videos/yard.mp4"
insecure = true
policy = "all"
accept-unended = true
`,
    async (path) => {
      Deno.env.set("CAMERAS_FILE_TEST", "p@ss");
      const [door, yard, ...others] = await read(path);
      assert.deepEqual(others, []);
      assert.deepEqual([door?.name, door?.spec], ["door", "http://viewer:p%40ss@10.0.0.5/video"]);
      const { alert = [], ...rest } = door!.own;
      const rules = ["scene: cut > 0.3 for 2s", "gone: lost > 30"];
      assert.deepEqual(alert, rules.map(parseRule));
      assert.deepEqual(rest, { maxFps: 5, tlsFingerprint: ["0A".repeat(32)], insecure: [] });
      assert.deepEqual(yard, {
        name: "yard",
        spec: "/videos/yard.mp4",
        own: { policy: "all", acceptUnended: true, insecure: ["yard"] },
      });
    },
  ));

for (
  const [text, message] of [
    ["[camera.a]\nurl = 'http://me:secret@h", /^Cannot read .*cameras\.toml: .*\(line 2, column/],
    ["[cameras.a]\nurl = 'x'", /found "cameras", expected camera$/],
    [
      "[camera.a]\nurl = 'x'\nretry = 1",
      /camera "a": found "retry", expected url, insecure, alert/,
    ],
    ["[camera.a]\nmax-fps = 1", /url of camera a: found ""/],
    ["[camera.a]\nurl = '-'", /camera "a": standard input is no camera/],
    ["[camera.a]\nurl = 'htp://me:secret@h/'", /url of camera a: .*htp:/],
    ["[camera.a]\nurl = 'http://me:$NOT_SET_ANYWHERE@h/'", /neither NOT_SET_ANYWHERE nor/],
    ["[camera.a]\nurl = 'x'\nmax-fps = 0", /max-fps of camera a: found "0", .* numbers above 0/],
    ["[camera.a]\nurl = 'x'\nalert = 'speed > 1'", /alert of camera a: .*speed/],
    ["[camera.a]\nurl = 'x'\ninsecure = 'yes'", /insecure of camera a: expected true or false/],
    ["[camera.'a/b']\nurl = 'x'", /camera "a\/b": expected a name of letters/],
    ["camera = 7", /camera: expected a table/],
    ["#".repeat(2 ** 20 + 1), /found 1048577 bytes, expected at most 1048576/],
  ] as const
) {
  Deno.test(`a file is refused in one line without its secrets: ${text.slice(0, 60)}`, () =>
    withFile(text, async (path) => {
      await assert.rejects(read(path), (error: Error) => {
        assert.equal(error.name, "UsageError");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret|\n/);
        return true;
      });
    }));
}

Deno.test("a file that is missing or none is refused", () =>
  withFile("", async (path) => {
    await assert.rejects(read(`${path}x`), { message: /cameras\.tomlx: it does not exist$/ });
    await assert.rejects(read(join(path, "..")), { message: /it is not a file$/ });
  }));

Deno.test("a later state is given once, a broken one is told of once and changes nothing", () =>
  withFile("[camera.a]\nurl = 'x'\n", async (path) => {
    const ending = new AbortController();
    const lines: string[] = [];
    const told = Promise.withResolvers<void>();
    const say = (line: string) => (lines.push(line), told.resolve());
    const states = readCameras(path, { signal: ending.signal, say, clock: QUICK });
    const names = async () => (await states.next().then(state)).map(({ name }) => name);
    assert.deepEqual(await names(), ["a"]);
    const next = names();
    await writeWhole(path, "[camera.b\n");
    await told.promise;
    await writeWhole(path, "[camera.b]\nurl = 'x'\n[camera.c]\nurl = 'y'\n");
    assert.deepEqual(await next, ["b", "c"]);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^Cannot read .*\(line 1, .*\); the cameras stay as they are$/);
    const last = states.next();
    ending.abort();
    assert.deepEqual(await last, { done: true, value: undefined });
  }));

Deno.test("a state that one look alone finds does not count, as it may be half a file", () =>
  withFile("[camera.a]\nurl = 'x'\n", async (path) => {
    const ending = new AbortController();
    const whole = "[camera.a]\nurl = 'x'\n[camera.b]\nurl = 'y'\n";
    // Between two looks the file becomes empty, and then whole.
    const steps = ["", whole, whole];
    const clock: Clock = {
      now: () => 0,
      sleep: async () => await Deno.writeTextFile(path, steps.shift() ?? whole),
    };
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    const states = readCameras(path, { signal: ending.signal, say, clock });
    await states.next();
    assert.deepEqual((await states.next().then(state)).length, 2);
    assert.deepEqual(lines, []);
    ending.abort();
    await states.next();
  }));
