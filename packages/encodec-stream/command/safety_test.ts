import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { encodeWav } from "@vcs/media/wav";
import { interleave } from "../audio/pcm.ts";
import { EcdcReader } from "../container/reader.ts";
import { entry, pipeInto, run, scratch, stereo, synthetic } from "../testing/command.ts";

const second = stereo(48_000);
const wav = encodeWav(second, { sampleRate: 48000 });
const pcm = interleave(second, "s16");
const tiny = ["-b", "6", "--model", "encodec_tiny_24khz", "--device", "cpu"];

/** A folder with one sound in it, and a look at what else is there later. */
async function place() {
  const { folder, env, ...rest } = await scratch();
  const sounds = `${folder}/sounds`;
  await Deno.mkdir(sounds);
  await Deno.writeFile(`${sounds}/a.wav`, wav);
  return {
    ...rest,
    env,
    sounds,
    names: async () =>
      (await Array.fromAsync(Deno.readDir(sounds))).map(({ name }) => name).sort().join(),
  };
}

/** Runs the command with its output redirected behind what a file has. */
async function runAppending(
  args: readonly string[],
  path: string,
  env: Record<string, string>,
): Promise<{ readonly code: number; readonly stderr: string }> {
  const script = '"$@" >> "$0"';
  const command = [Deno.execPath(), "run", "-A", "--quiet", entry, ...args];
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, path, ...command],
    env,
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("no command line destroys what it reads", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const made = await run([...tiny, "--input", `${sounds}/a.wav`, "-e", `${sounds}/a.ecdc`], env);
  assert.equal(made.code, 0, made.stderr);
  await Deno.symlink(`${sounds}/a.wav`, `${sounds}/link`);
  await Deno.link(`${sounds}/a.ecdc`, `${sounds}/hard`);
  const weights = `${sounds}/weights.safetensors`;
  await Deno.writeTextFile(weights, "kept");
  for (
    const args of [
      [...tiny, "--input", `${sounds}/a.wav`, "-e", `${sounds}/a.wav`],
      [...tiny, "--input", `${sounds}/a.wav`, "-e", `${sounds}/link`],
      [...tiny, "--weights", weights, "--input", `${sounds}/a.wav`, "-e", weights],
      ["-d", "-o", `${sounds}/hard`, `${sounds}/a.ecdc`],
      ["repair", "-o", `${sounds}/hard`, `${sounds}/a.ecdc`],
    ]
  ) {
    const { code, stderr } = await run(args, env);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot write .*: it is what is read \(/);
  }
  // The shell opens what standard output is redirected to, and does not always empty it.
  const kept = await Deno.readFile(`${sounds}/a.ecdc`);
  for (
    const [args, target] of [
      [["-d", "-o", "-", `${sounds}/a.ecdc`], "a.ecdc"],
      [["cut", "--from", "0.5", `${sounds}/a.ecdc`], "hard"],
      [[...tiny, "--input", `${sounds}/a.wav`, "-e", "-"], "link"],
    ] as const
  ) {
    const { code, stderr } = await runAppending(args, `${sounds}/${target}`, env);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot write standard output: it is what is read \(/);
  }
  assert.deepEqual(await Deno.readFile(`${sounds}/a.ecdc`), kept);
  assert.deepEqual(await Deno.readFile(`${sounds}/a.wav`), wav);
  assert.equal(await Deno.readTextFile(weights), "kept");
  assert.equal(await names(), "a.ecdc,a.wav,hard,link,weights.safetensors");
});

Deno.test("what fails leaves what was there, what succeeds says that it replaces it", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const file = `${sounds}/a.ecdc`;
  await Deno.writeTextFile(file, "kept");
  const args = [...tiny, "--input", `${sounds}/a.wav`, "-e", file];
  await Deno.writeFile(`${sounds}/b.wav`, wav.subarray(0, 44));
  const empty = await run([...tiny, "--input", `${sounds}/b.wav`, "-e", file], env);
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /b\.wav: found no audio, expected some$/m);
  const none = await run([...tiny, "-e", file], env);
  assert.equal(none.code, 1);
  assert.equal(await Deno.readTextFile(file), "kept");
  assert.equal(await names(), "a.ecdc,a.wav,b.wav");
  const { code, stderr } = await run(args, env);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^note: .*a\.ecdc is there \(4 bytes\) and will be replaced$/m);
  await using reader = await EcdcReader.open(file);
  assert.equal(reader.header.samples, 24_000);
  assert.equal(await names(), "a.ecdc,a.wav,b.wav");
  const behind = await run(["-d", "-ss", "5", "--device", "cpu", file], env);
  assert.deepEqual([behind.code, behind.stdout.length], [0, 0]);
  assert.match(behind.stderr, /^note: nothing is there from 5 s on, the file ends at 1\.00 s$/m);
});

Deno.test("a damaged file's audio is kept beside the file that was there", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const [file, out] = [`${sounds}/a.ecdc`, `${sounds}/out.raw`];
  await run([...tiny, "--input", `${sounds}/a.wav`, "-e", file], env);
  await Deno.truncate(file, (await Deno.stat(file)).size - 100);
  await Deno.writeTextFile(out, "kept");
  const { code, stderr } = await run(["-d", "-o", out, file], env);
  assert.equal(code, 1);
  assert.match(stderr, /what came before the failure is in .*out\.raw\.[0-9a-f]{8}\.part$/m);
  assert.equal(await Deno.readTextFile(out), "kept");
  assert.match(await names(), /^a\.ecdc,a\.wav,out\.raw,out\.raw\.[0-9a-f]{8}\.part$/);
});

Deno.test("an encode from a file that is interrupted leaves what was there", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const file = `${sounds}/a.ecdc`;
  await Deno.writeTextFile(file, "kept");
  await Deno.writeFile(`${sounds}/a.wav`, encodeWav(stereo(48_000 * 120), { sampleRate: 48000 }));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", entry, "-b", "3", "--batch", "1", ...synthetic],
      ...["--input", `${sounds}/a.wav`, "-e", file],
    ],
    env,
    stderr: "null",
  }).spawn();
  while (await names() === "a.ecdc,a.wav") await new Promise((done) => setTimeout(done, 20));
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  assert.equal(await Deno.readTextFile(file), "kept");
  assert.equal(await names(), "a.ecdc,a.wav");
});

Deno.test("a live recording that is killed is repaired", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const file = `${sounds}/live.ecdc`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", entry, "-b", "3", ...synthetic, "-e", file],
    ...{ env, stdin: "piped", stderr: "null" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(interleave(stereo(100_000), "s16"));
  const size = () => Deno.stat(`${file}.part`).then(({ size }) => size, () => 0);
  while (await size() < 800) await new Promise((done) => setTimeout(done, 20));
  child.kill("SIGKILL");
  await child.status;
  await writer.abort().catch(() => {});
  assert.equal(await names(), "a.wav,live.ecdc.part");

  const again = await run(["-b", "3", ...synthetic, "-e", file], env, pcm);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /found .*live\.ecdc\.part, expected no unfinished file/);
  const playing = await run([...synthetic, "-d", `${file}.part`], env);
  assert.deepEqual([playing.code, playing.stdout.length], [0, (2 * 47520 + 480) * 4]);

  const { code, stderr } = await run(["repair", `${file}.part`], env);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /live\.ecdc: 1\.98 s$/m);
  assert.equal(await names(), "a.wav,live.ecdc");
  await using reader = await EcdcReader.open(file);
  assert.deepEqual([reader.header.samples, reader.surplus], [2 * 47520, 0]);
});

Deno.test("a live source that fails makes a file of what came", async () => {
  await using here = await place();
  const { sounds, env, names } = here;
  const head = wav.slice();
  new DataView(head.buffer).setUint32(40, 0xffffffff, true);
  let sent = false;
  const stream = () =>
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (sent) {
          await new Promise((done) => setTimeout(done, 300));
          return controller.error(new Error("cable"));
        }
        sent = true;
        controller.enqueue(head);
      },
    });
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response(stream()));
  const url = `http://127.0.0.1:${server.addr.port}/live.wav`;
  const { code, stderr } = await run([...tiny, "--input", url, "-e", `${sounds}/o.ecdc`], env);
  assert.equal(code, 1, stderr);
  assert.equal(await names(), "a.wav,o.ecdc");
  await using reader = await EcdcReader.open(`${sounds}/o.ecdc`);
  assert.equal(reader.surplus, 0);
  assert.ok(reader.header.duration > 0.5 && reader.header.duration <= 1);
});

Deno.test("the small model is chosen only where nobody asked for more, and says what it is", async () => {
  await using here = await place();
  const { sounds } = here;
  const env = { ...here.env, TORCH_HOME: sounds, HF_HOME: sounds, VCS_OFFLINE: "1" };
  const encode = (...args: string[]) =>
    run([...args, "--input", `${sounds}/a.wav`, "-e", `${sounds}/o.ecdc`], env);
  for (const args of [[], ["-b", "6"], ["-b", "1"]]) {
    const { code, stderr } = await encode(...args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /encodec_tiny_24khz.* in mono, and no other tool reads its files/);
  }
  const more = await encode("-b", "12");
  assert.equal(more.code, 1);
  assert.match(more.stderr, /encodec_48khz/);
  const wrong = await encode("-b", "12", "--model", "encodec_tiny_24khz");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /at 12 kbit\/s: encodec_tiny_24khz has at most 6/);
  const asked = await encode("--model", "encodec_tiny_24khz");
  assert.equal(asked.code, 0);
  assert.match(asked.stderr, /is mono: the input's 2 channels are mixed/);
});

Deno.test("samples that are no numbers are counted and silent, at both rates", async () => {
  await using here = await place();
  const { sounds, env } = here;
  const [left, right] = stereo(24_000) as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
  const zeroed = encodeWav([left, right].map((c) => c.with(5, 0)), {
    sampleRate: 48000,
    format: "f32",
  });
  left[5] = NaN;
  right[5] = Infinity;
  const broken = encodeWav([left, right], { sampleRate: 48000, format: "f32" });
  await Deno.writeFile(`${sounds}/broken.wav`, broken);
  await Deno.writeFile(`${sounds}/zeroed.wav`, zeroed);
  for (const [bitrate, model] of [["3", "encodec_48khz"], ["1.5", "encodec_24khz"]] as const) {
    const encode = async (name: string) => {
      const out = `${sounds}/${name}.ecdc`;
      const args = ["-b", bitrate, "--model", model, ...synthetic];
      const done = await run([...args, "--input", `${sounds}/${name}.wav`, "-e", out], env);
      assert.equal(done.code, 0, done.stderr);
      return { stderr: done.stderr, bytes: await Deno.readFile(out) };
    };
    const [found, wanted] = [await encode("broken"), await encode("zeroed")];
    assert.match(found.stderr, /^note: 2 samples were NaN or infinite and are encoded as 0$/m);
    assert.doesNotMatch(wanted.stderr, /NaN/);
    assert.deepEqual(found.bytes, wanted.bytes);
  }
});

Deno.test("an audio file on standard input is not taken for samples", async () => {
  await using here = await place();
  const { sounds, env } = here;
  const { code, stderr } = await run([...tiny, "-e", `${sounds}/o.ecdc`], env, wav);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /standard input is a file \(WAV\), not bare samples, and is decoded/);
  const again = await Deno.readFile(`${sounds}/o.ecdc`);
  const refused = await run([...tiny, "-e", `${sounds}/p.ecdc`], env, again);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /it is an \.ecdc file already/);
});

Deno.test({
  name: "an MP3 on standard input is decoded",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    await using here = await place();
    const { sounds, env } = here;
    const convert = ["-v", "error", "-i", `${sounds}/a.wav`, "-id3v2_version", "0"];
    const mp3 = await pipeInto("ffmpeg", [...convert, "-f", "mp3", "-"], new Uint8Array(0));
    const { code, stderr } = await run([...tiny, "-e", `${sounds}/o.ecdc`], env, mp3.stdout);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /standard input is a file \(MP3\)/);
  },
});

/** Starts the command, writes to it, and leaves its input open. */
function start(args: string[], env: Record<string, string>, input: Uint8Array) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", entry, ...args],
    ...{ env, stdin: "piped", stdout: "piped", stderr: "null" },
  }).spawn();
  const writer = child.stdin.getWriter();
  writer.write(input).catch(() => {});
  return { child, writer };
}

Deno.test("--rescale makes all of it quieter in place of clipping", async () => {
  await using here = await scratch();
  const file = `${here.folder}/loud.ecdc`;
  const loud = interleave(stereo(24_000).map((c) => c.map((v) => v * 8)), "s16");
  await run(["-b", "3", ...synthetic, "-e", file], here.env, loud);
  const decoded = async (...args: string[]) => {
    const done = await run([...args, "--format", "f32", ...synthetic, "-d", file], here.env);
    assert.equal(done.code, 0, done.stderr);
    return new Float32Array(done.stdout.slice().buffer);
  };
  const [plain, scaled] = [await decoded(), await decoded("-r")];
  const peak = plain.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  assert.ok(peak > 1, `peak ${peak}`);
  assert.ok(scaled.every((v, i) => Math.abs(v - plain[i]! * 0.99 / peak) < 1e-6));
  const piped = await run(["-r", ...synthetic, "-d", "-"], here.env);
  assert.equal(piped.code, 2);
});

Deno.test("pipes are live in both directions, and end where the input ends", async () => {
  await using here = await scratch();
  for (
    const [bitrate, model, samples] of [
      ["3", "encodec_48khz", 2 * 47520 + 9000],
      ["1.5", "encodec_24khz", 2 * 47520 + 9000],
    ] as const
  ) {
    const audio = interleave(stereo(samples), "s16");
    const options = ["--model", model, "-b", bitrate, ...synthetic];
    const { child, writer } = start([...options, "-e", "-"], here.env, audio);
    const decoder = start([...synthetic, "-d", "-"], here.env, new Uint8Array(0));
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const passing = (async () => {
      for await (const part of child.stdout) {
        parts.push(part);
        await decoder.writer.write(part);
      }
      await decoder.writer.close();
    })();
    // The input has not ended, and audio comes out of the other end.
    const heard = decoder.child.stdout.getReader();
    let length = (await heard.read()).value!.length;
    assert.ok(length > 0);
    await writer.close();
    for (let next = await heard.read(); !next.done; next = await heard.read()) {
      length += next.value.length;
    }
    await passing;
    assert.deepEqual([(await child.status).code, (await decoder.child.status).code], [0, 0]);
    const frame = 320 * 48000 / (model === "encodec_24khz" ? 24000 : 48000);
    assert.equal(length / 4, Math.ceil(samples / frame) * frame);
    const info = await run(["-i", "--json", "-"], here.env, await new Blob(parts).bytes());
    const { duration, samples: claimed } = JSON.parse(new TextDecoder().decode(info.stdout));
    assert.deepEqual([duration, claimed], [null, null]);
  }
});
