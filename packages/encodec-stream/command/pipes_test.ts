import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { hasPrograms, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { encodeWav } from "@vcs/media/wav";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { Decoder } from "../decoder.ts";
import { EcdcReader } from "../container/reader.ts";
import { formatHeader, UNKNOWN_LENGTH } from "../container/header.ts";
import { interleave } from "../audio/pcm.ts";
import { playback } from "../playback.ts";
import { entry, pipeInto, run, scratch, stereo, synthetic } from "../testing/command.ts";
import { syntheticCheckpoint } from "../network/synthetic.ts";

Deno.test("list, pull and doctor are subcommands, and know EnCodec's models", async () => {
  await using place = await scratch();
  const env = { ...place.env, TORCH_HOME: place.folder, HF_HOME: place.folder, VCS_OFFLINE: "1" };
  const text = ({ stdout }: { stdout: Uint8Array }) => new TextDecoder().decode(stdout);
  assert.match(text(await run(["list"], env)), /encodec_48khz +76\.3 MB +- +EnCodec, stereo/);
  const unknown = await run(["pull", "ViT-B-32"], env);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /hf:owner\/name\/file, encodec_24khz, .*, encodec_lm_48khz\n$/);

  const source = syntheticCheckpoint("encodec_48khz", "language-model");
  const tensors = source.names.map(async (name) => [name, await source.read(name)] as const);
  const path = `${place.folder}/lm.safetensors`;
  await Deno.writeFile(path, encodeSafetensors(Object.fromEntries(await Promise.all(tensors))));
  const { code, ...whole } = await run(["doctor", path], env);
  assert.equal(code, 0, whole.stderr);
  assert.match(text(whole), /Model +encodec_lm_48khz: 110 of 110 weights match\nMissing +none\n/);
});

/** Bytes of samples that a WAV file's header promises. */
const dataBytes = (wav: Uint8Array) => new DataView(wav.buffer, wav.byteOffset).getUint32(40, true);

/** What the library gives for a file, as the command's bytes. */
async function played(bytes: Uint8Array, from = 0, to = Infinity): Promise<Uint8Array> {
  await using reader = await EcdcReader.open(bytes);
  const { model } = reader.header;
  const options = { weights: syntheticCheckpoint(model), device: "cpu" };
  using decoder = await Decoder.open(model, options);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const { channels } of playback(decoder, reader, { from, to })) {
    parts.push(interleave(channels, "s16"));
  }
  return await new Blob(parts).bytes();
}

Deno.test("pipes and files go through encode, decode and seek", async (t) => {
  await using place = await scratch();
  const { folder, env } = place;
  const file = `${folder}/a.ecdc`;
  const samples = 105_600;
  const pcm = interleave(stereo(samples) as Float32Array<ArrayBuffer>[], "s16");

  await t.step("s16le on standard input becomes a file with the original's keys", async () => {
    const { code, stderr } = await run(
      ["-b", "3k", "-n", "Übung", "-s", "here", ...synthetic, "-e", file],
      env,
      pcm,
    );
    assert.equal(code, 0, stderr);
    await using reader = await EcdcReader.open(file);
    const { version, samples: length, codebooks, bitrate, title, source } = reader.header;
    assert.deepEqual(
      [version, length, codebooks, bitrate, title, source],
      [0, samples, 2, 3, "Übung", "here"],
    );
    assert.equal(reader.surplus, 0);
  });

  await t.step("standard output takes the same audio with the length ahead or not", async () => {
    const held = await run(["-b", "3", ...synthetic, "-e", "-"], env, pcm);
    const ahead = await run(
      ["-b", "3", "--samples", `${samples}`, ...synthetic, "-e", "-"],
      env,
      pcm,
    );
    assert.equal(held.code, 0, held.stderr);
    const blocksOf = async (bytes: Uint8Array) => {
      await using reader = await EcdcReader.open(bytes);
      return { samples: reader.header.samples, blocks: await Array.fromAsync(reader.blocks()) };
    };
    const [open, known] = [await blocksOf(held.stdout), await blocksOf(ahead.stdout)];
    assert.deepEqual([open.samples, known.samples], [UNKNOWN_LENGTH, samples]);
    assert.deepEqual(open.blocks.map((b) => b.codes), known.blocks.map((b) => b.codes));
  });

  await t.step("standard output that is a file gets its length", async () => {
    const script = `"$@" > "$0"`;
    const args = [Deno.execPath(), "run", "-A", "--quiet", entry, "-b", "3", ...synthetic];
    const shell = ["-c", script, file, ...args, "-e", "-"];
    const { code, stderr } = await pipeInto("sh", shell, pcm, env);
    assert.equal(code, 0, stderr);
    await using reader = await EcdcReader.open(file);
    assert.deepEqual([reader.header.samples, reader.surplus], [samples, 0]);
  });

  await t.step("decoding gives s16le 48 kHz stereo, whole and in part", async () => {
    const bytes = await Deno.readFile(file);
    const whole = await run([...synthetic, "-d", file], env);
    assert.equal(whole.code, 0, whole.stderr);
    assert.equal(whole.stdout.length, pcm.length);
    const largest = await run(["-b", "-1", ...synthetic, "-d", file], env);
    assert.equal(largest.code, 0, largest.stderr);
    assert.deepEqual(largest.stdout, whole.stdout);
    assert.deepEqual(whole.stdout, await played(bytes));
    const part = await run(["-ss", "0.5", "-to", "1.75", "-b", "1", ...synthetic, "-d", file], env);
    assert.deepEqual(part.stdout, whole.stdout.subarray(0.5 * 192000, 1.75 * 192000));
    const beyond = await run(["-ss", "99", ...synthetic, "-d", file], env);
    assert.deepEqual([beyond.code, beyond.stdout.length], [0, 0]);
    const piped = await run([...synthetic, "-d", "-"], env, bytes);
    assert.deepEqual(piped.stdout, whole.stdout);
  });

  await t.step("WAV and float output hold the same samples", async () => {
    const wav = await run(["--format", "wav", ...synthetic, "-d", file], env);
    assert.equal(new TextDecoder().decode(wav.stdout.subarray(0, 4)), "RIFF");
    assert.equal(wav.stdout.length, 44 + pcm.length);
    const part = await run(
      ["--format", "wav", "-ss", "0.7", "-to", "0.8", ...synthetic, "-d", file],
      env,
    );
    assert.deepEqual([part.stdout.length, dataBytes(part.stdout)], [44 + 19200, 19200]);
    const out = `${folder}/f32.raw`;
    const floats = await run(["--format", "f32", "-o", out, ...synthetic, "-d", file], env);
    assert.equal(floats.stdout.length, 0);
    assert.equal((await Deno.stat(out)).size, 2 * pcm.length);
  });

  await t.step("the last sample of another PCM rate comes, too", async () => {
    const header = {
      model: "encodec_48khz",
      samples: 13004,
      codebooks: 2,
      sampleRate: 44100,
    } as const;
    const segment = Uint8Array.of(0x3e, 0, 0, 0, ...new Uint8Array(Math.ceil(41 * 20 / 8)));
    const bytes = await new Blob([formatHeader(header), segment]).bytes();
    const { stdout } = await run(["--format", "wav", ...synthetic, "-d", "-"], env, bytes);
    const wanted = Math.ceil(13004 * 48000 / 44100) * 4;
    assert.deepEqual([stdout.length - 44, dataBytes(stdout)], [wanted, wanted]);
  });

  await t.step("an audio file at any bitrate becomes a file at its PCM rate", async () => {
    const song = `${folder}/song.wav`;
    await Deno.writeFile(song, encodeWav(stereo(24000), { sampleRate: 48000 }));
    for (
      const [bitrate, model, rate] of [["1", "encodec_24khz", 16000], ["4", "encodec_48khz", 64000]]
    ) {
      const { code, stderr } = await run(
        ["-b", `${bitrate}`, "--input", song, ...synthetic, "-e", file],
        env,
      );
      assert.equal(code, 0, stderr);
      const bytes = await Deno.readFile(file);
      await using reader = await EcdcReader.open(bytes);
      assert.deepEqual(
        [reader.header.version, reader.header.model, reader.header.rate, reader.header.samples],
        [193, model, rate, Number(rate) / 2],
      );
      const { stdout } = await run([...synthetic, "-d", file], env);
      assert.equal(stdout.length, 24000 * 4);
      const part = await played(bytes, 0.2, 0.3);
      const wanted = new Int16Array(stdout.slice(0.2 * 192000, 0.3 * 192000).buffer);
      const found = new Int16Array(part.slice().buffer);
      assert.equal(found.length, wanted.length);
      // At 24 kHz the last bit depends on how a stream was cut into chunks.
      const most = model === "encodec_24khz" ? 1 : 0;
      assert.ok(found.every((v, i) => Math.abs(v - wanted[i]!) <= most));
    }
  });

  await t.step("a file that is cut off gives what there is, then fails", async () => {
    await run(["-b", "3", ...synthetic, "-e", file], env, pcm);
    const bytes = await Deno.readFile(file);
    const cut = await run([...synthetic, "-d", "-"], env, bytes.subarray(0, bytes.length - 50));
    assert.equal(cut.code, 1);
    assert.match(cut.stderr, /the file ends after 2 complete segments/);
    assert.equal(cut.stdout.length, (2 * 47520 + 480) * 4);
  });

  await t.step("a reader that goes away ends the command quietly", async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", entry, ...synthetic, "-d", file],
      env,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await child.stdout.cancel();
    const [{ code }, stderr] = await Promise.all([
      child.status,
      new Response(child.stderr).text(),
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
  });

  await t.step(
    "an interrupt ends decoding while a silent or a full pipe is waited for",
    async () => {
      const bytes = await Deno.readFile(file);
      for (const [signal, full] of [["SIGINT", false], ["SIGTERM", true]] as const) {
        const child = new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--quiet", entry, ...synthetic, "-d", "-"],
          env: { NO_COLOR: "1", ...env },
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const writer = child.stdin.getWriter();
        await writer.write(bytes.subarray(0, bytes.length - 50));
        const heard = child.stdout.getReader();
        // Two segments and their overlap are all that these bytes give; a pipe holds far less.
        for (let left = full ? 1 : (2 * 47520) * 4; left > 0;) {
          left -= (await heard.read()).value!.length;
        }
        child.kill(signal);
        const [{ code }, stderr] = await Promise.all([
          child.status,
          new Response(child.stderr).text(),
        ]);
        assert.deepEqual([code, stderr], [130, ""]);
        await heard.cancel();
        await writer.abort().catch(() => {});
      }
    },
  );

  await t.step("an interrupt finishes the file with what was heard", async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", entry, "-b", "3", ...synthetic, "-e", file],
      env,
      stdin: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(pcm);
    const size = () => Deno.stat(`${file}.part`).then(({ size }) => size, () => 0);
    while (await size() < 400) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    assert.equal((await child.status).code, 130);
    await writer.abort().catch(() => {});
    await using reader = await EcdcReader.open(file);
    assert.equal(reader.surplus, 0);
    assert.ok(reader.header.samples >= 48000 && reader.header.samples <= samples);
  });
});

sharedTest("-i prints headers, as text and as JSON, and needs no model", async () => {
  const file = sharedPath("data/ecdc/vallex_librispeech1_3k_v193.ecdc");
  const text = await run(["-i", file], {});
  assert.equal(
    new TextDecoder().decode(text.stdout),
    'Version: 193\nName: "librispeech_1 \\u00e9"\nDuration: 3.0\nSample Rate: 24000\nBitrate: 3\n' +
      'M: "encodec_24khz"\nAL: 72000\nNC: 4\nLM: false\n',
  );
  const json = await run(["-i", "--json", "-"], {}, readFileSync(file));
  const { title, duration, surplus } = JSON.parse(new TextDecoder().decode(json.stdout));
  assert.deepEqual([title, duration, surplus], ["librispeech_1 é", 3, null]);
});

Deno.test("wrong use ends with 2, what cannot be read with 1", async () => {
  const cases: [string[], number, RegExp][] = [
    [[], 2, /^encodec-stream: neural audio/],
    [["-d", "--format", "mp3", "x"], 2, /expected s16, f32, wav/],
    [["-e", "-b", "1e9", "x"], 2, /Cannot encode at 1000000000 kbit/],
    [["-i", "/nonexistent.ecdc"], 1, /Cannot open/],
    [["-i", "-"], 1, /found 0 bytes/],
    [["--help"], 0, /^$/],
  ];
  await Promise.all(cases.map(async ([args, wanted, message]) => {
    const { code, stderr } = await run(args, {});
    assert.equal(code, wanted, stderr);
    assert.match(stderr, message);
  }));
});

Deno.test("an interrupt ends the wait for weights", async () => {
  await using place = await scratch();
  const asked = Promise.withResolvers<void>();
  const silent = Promise.withResolvers<Response>();
  const server = Deno.serve(
    { port: 0, onListen: () => {} },
    () => (asked.resolve(), silent.promise),
  );
  const weights = `http://127.0.0.1:${server.addr.port}/weights.th`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", entry, "--weights", weights, "-e", "-"],
    env: { NO_COLOR: "1", ...place.env, HF_HUB_OFFLINE: "", VCS_OFFLINE: "" },
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  await asked.promise;
  child.kill("SIGINT");
  const { code } = await child.status;
  silent.resolve(new Response());
  await Promise.all([child.stderr.cancel(), child.stdin.abort(), server.shutdown()]);
  assert.equal(code, 130);
});

Deno.test({
  name: "an MP3 goes in by --input",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    await using place = await scratch();
    const { folder, env } = place;
    const wav = encodeWav(stereo(72_000), { sampleRate: 48000 });
    const song = `${folder}/song.mp3`;
    const made = await pipeInto("ffmpeg", ["-v", "error", "-i", "-", "-b:a", "192k", song], wav);
    assert.equal(made.code, 0, made.stderr);
    const file = `${folder}/song.ecdc`;
    const { code, stderr } = await run(
      ["-b", "6", ...synthetic, "-e", file, "--input", song],
      env,
    );
    assert.equal(code, 0, stderr);
    await using reader = await EcdcReader.open(file);
    const { model, samples, codebooks } = reader.header;
    assert.deepEqual([model, codebooks], ["encodec_48khz", 4]);
    // MP3 has frames of 1152 samples, and what a decoder leaves out at its ends varies.
    assert.ok(samples >= 72_000 && samples < 72_000 + 3 * 1152, `${samples} samples`);
    assert.equal(reader.surplus, 0);
  },
});

Deno.test({
  name: "six channels go in as FFmpeg mixes them",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    await using place = await scratch();
    const { folder, env } = place;
    const [left, right] = stereo(9600) as [Float32Array, Float32Array];
    const quiet = left.map((v) => v / 3);
    const six = encodeWav([left, right, quiet, quiet, right, left], { sampleRate: 48000 });
    await Deno.writeFile(`${folder}/six.wav`, six);
    const two = `${folder}/two.wav`;
    await pipeInto("ffmpeg", ["-v", "error", "-i", "-", "-ac", "2", two], six);
    const encode = async (name: string, input: string) => {
      const { code, stderr } = await run(
        ["-b", "3", ...synthetic, "-e", `${folder}/${name}`, "--input", input],
        env,
      );
      assert.equal(code, 0, stderr);
      await using reader = await EcdcReader.open(`${folder}/${name}`);
      return (await Array.fromAsync(reader.blocks()))[0]!;
    };
    const ours = await encode("six.ecdc", `${folder}/six.wav`);
    const theirs = await encode("two.ecdc", two);
    assert.deepEqual([ours.samples, ours.frames], [9600, 30]);
    assert.ok(Math.abs(ours.scale! / theirs.scale! - 1) < 1e-3, `${ours.scale} ${theirs.scale}`);
  },
});

Deno.test("ten channels are refused before a model is opened or a file made", async () => {
  await using place = await scratch();
  const { folder, env } = place;
  const ten = encodeWav(Array.from({ length: 10 }, () => new Float32Array(480)), {
    sampleRate: 48000,
  });
  await Deno.writeFile(`${folder}/ten.wav`, ten);
  const file = `${folder}/ten.ecdc`;
  const { code, stderr } = await run(
    ["--weights", `${folder}/none.th`, "-e", file, "--input", `${folder}/ten.wav`],
    env,
  );
  assert.equal(code, 1);
  assert.match(stderr, /found 10 channels, expected 1 to 8/);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
});

Deno.test({
  name: "sox and ffplay take what -d writes",
  ...needs(hasPrograms("sox", "ffplay")),
  fn: async () => {
    await using place = await scratch();
    const file = `${place.folder}/a.ecdc`;
    const pcm = interleave(stereo(24_000) as Float32Array<ArrayBuffer>[], "s16");
    await run(["-b", "3", ...synthetic, "-e", file], place.env, pcm);
    const { stdout } = await run([...synthetic, "-d", file], place.env);
    const raw = ["-t", "raw", "-r", "48k", "-e", "signed", "-b", "16", "-c", "2", "-"];
    const sox = await pipeInto("sox", [...raw, "-n", "stat"], stdout);
    assert.equal(sox.code, 0, sox.stderr);
    assert.match(sox.stderr, /Length \(seconds\):\s+0\.5/);
    const wav = await run(["--format", "wav", ...synthetic, "-d", file], place.env);
    const checked = await pipeInto("sox", ["-t", "wav", "-", "-n", "stat"], wav.stdout);
    assert.match(checked.stderr, /Length \(seconds\):\s+0\.5/);
    const player = await pipeInto(
      "ffplay",
      ["-nodisp", "-autoexit", "-f", "s16le", "-ar", "48k", "-ch_layout", "stereo", "-i", "-"],
      stdout,
      { SDL_AUDIODRIVER: "dummy" },
    );
    assert.equal(player.code, 0, player.stderr);
    assert.match(player.stderr, /pcm_s16le, 48000 Hz, stereo/);
  },
});
