/** The command as people run it: two processes with a channel between them. */
import { VideoWriter } from "@vcs/media/video_writer";
import { VideoReader } from "@vcs/media/video_reader";
import { encodeJpeg } from "@vcs/media/image";
import { openSender } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { hasShared, sharedPath } from "#testing/shared.ts";
import { freePort } from "../transport/site/free_port.ts";
import { WindowJournal } from "./stream/journal.ts";
import { syntheticCheckpoint } from "./official/synthetic.ts";
import { damagedVideo } from "./testing/damaged_video.ts";
import { filesIn } from "./testing/fakes.ts";
import { PARTS_HERE } from "#testing/parts_here.ts";
import { goodMessage, ODD_WINDOWS } from "./testing/hostile.ts";

const COMMAND = import.meta.resolve("./mod.ts");

/** Built graphs of all these tests' checkpoints. */
const cache = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(cache, { recursive: true }));

/** A folder with a small checkpoint and a clip of 120 frames. */
async function withStage(
  run: (stage: { folder: string; clip: string; model: string[] }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/small.safetensors`, syntheticCheckpoint());
    const model = ["--weights", `${folder}/small.safetensors`, "--device", "cpu"];
    await run({ folder, clip: await aClip(folder), model });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A real clip of 120 frames if the shared data is there, else a moving pattern. */
async function aClip(folder: string): Promise<string> {
  if (hasShared) return sharedPath("data/video/carphone_pristine_qcif.mp4");
  const path = `${folder}/moving.mp4`;
  await using writer = await VideoWriter.open(path, { width: 64, height: 48, fps: 30 });
  for (let i = 0; i < 120; i++) {
    const data = Uint8Array.from({ length: 64 * 48 * 3 }, (_, at) => at * 3 + i * 5);
    await writer.add({ data });
  }
  return path;
}

/** Runs the command to its end; gives its exit code. */
async function command(...args: string[]): Promise<number> {
  return (await start(args).result()).code;
}

/** Starts the command as a process of its own. */
function start(args: string[], stdin: "null" | "piped" = "null") {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", COMMAND, ...args],
    env: { ...PARTS_HERE, VCS_CACHE: cache },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = new Response(process.stdout).text();
  const stderr = new Response(process.stderr).text();
  const result = async () => {
    const { code } = await process.status;
    return { code, stdout: await stdout, stderr: await stderr };
  };
  return { process, result };
}

/** Waits until a journal holds so many windows. */
async function journalHolds(path: string, windows: number): Promise<void> {
  for (let tries = 0; tries < 12_000; tries++) {
    const found = await Array.fromAsync(WindowJournal.read(path)).catch(() => []);
    if (found.length >= windows) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`the journal does not get ${windows} windows`);
}

Deno.test("processes: list and doctor are subcommands, and know the authors' model", async () => {
  const listed = await start(["list"]).result();
  assert.match(listed.stdout, /^open-magvit2-video +3\.10 GB +/m);
  const path = `${cache}/small.safetensors`;
  await Deno.writeFile(path, syntheticCheckpoint());
  const examined = await start(["doctor", path]).result();
  assert.match(
    examined.stdout,
    /Format +safetensors\n[^]*Model +none of open-magvit2-video, vidtok-fsq, vq-tiny-encoder, vq-tiny-decoder\n$/,
  );
});

for (const [victim, payload] of [["receiver", "packed"], ["sender", "range"]] as const) {
  Deno.test(`processes: the ${victim} is killed and returns, and every frame is there once (${payload})`, async () => {
    await withStage(async ({ folder, clip, model }) => {
      const reference = `${folder}/reference.rgb`;
      assert.equal(await command("roundtrip", ...model, "--size", "32", clip, reference), 0);
      const url = `tcp://127.0.0.1:${freePort()}`;
      const out = `${folder}/out.rgb`;
      const journal = `${folder}/journal`;
      const receive = ["decode", ...model, "--journal", journal, "--json", url, out];
      const id = ["--stream-id", "00000000000000ab"];
      const send = ["encode", ...model, "--size", "32", "--payload", payload, ...id, clip, url];
      let [receiver, sender] = [start(receive), start(send)];
      await journalHolds(journal, 3);
      (victim === "receiver" ? receiver : sender).process.kill("SIGKILL");
      await (victim === "receiver" ? receiver : sender).result();
      if (victim === "receiver") receiver = start(receive);
      else sender = start(send);
      const [received, sent] = await Promise.all([receiver.result(), sender.result()]);
      assert.deepEqual([received.code, sent.code], [0, 0], received.stderr + sent.stderr);
      assert.deepEqual(await Deno.readFile(out), await Deno.readFile(reference));
      const totals = JSON.parse(received.stdout);
      assert.deepEqual([totals.missingCount, totals.framesOut], [0, 120]);
    });
  });
}

Deno.test("processes: under drop the receiver is killed, and both lists of what is missing agree", async () => {
  await withStage(async ({ folder, model }) => {
    const url = `tcp://127.0.0.1:${freePort()}`;
    const out = `${folder}/out.rgb`;
    const journal = `${folder}/journal`;
    const receive = ["decode", ...model, "--journal", journal, "--json", url, out];
    const flow = ["--policy", "drop-oldest", "--queue", "2", "--fps", "100", "--json"];
    const raw = ["--size", "32", "--raw-size", "32x32"];
    const sender = start(["encode", ...model, ...flow, ...raw, "-", url], "piped");
    let receiver = start(receive);
    const writer = sender.process.stdin.getWriter();
    let windows = 0;
    const feed = async (until: () => boolean) => {
      while (!until()) {
        for (let i = 0; i < 17; i++) await writer.write(new Uint8Array(32 * 32 * 3).fill(windows));
        await new Promise((resolve) => setTimeout(resolve, 100));
        windows++;
      }
    };
    let isKept = false;
    const kept = journalHolds(journal, 3).then(() => isKept = true);
    await feed(() => isKept);
    await kept;
    receiver.process.kill("SIGKILL");
    await receiver.result();
    // More than the pipe, the queue and the channel hold.
    const held = windows;
    await feed(() => windows === held + 20);
    receiver = start(receive);
    await feed(() => windows === held + 30);
    await writer.close();
    const [received, sent] = await Promise.all([receiver.result(), sender.result()]);
    assert.deepEqual([received.code, sent.code], [0, 0], received.stderr + sent.stderr);
    const totals = JSON.parse(received.stdout);
    const missing = (totals.missing as { from: number; to: number }[])
      .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    const dropped = (JSON.parse(sent.stdout).dropped as number[]).sort((a, b) => a - b);
    assert(dropped.length > 0, "the sender dropped windows while the receiver was gone");
    assert.deepEqual(missing, dropped);
    assert.equal(totals.framesOut, (windows - missing.length) * 17);
    const { size } = await Deno.stat(out);
    assert.equal(size, totals.framesOut * 32 * 32 * 3);
    assert.match(received.stderr, /missing \d+ windows/);
  });
});

/** Writes raw frames of 32x32 at a pace. */
async function feed(
  stdin: WritableStream<Uint8Array>,
  frames: number,
  milliseconds: number,
): Promise<void> {
  const writer = stdin.getWriter();
  for (let i = 0; i < frames; i++) {
    await writer.write(new Uint8Array(32 * 32 * 3).fill(i));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
  await writer.close();
}

/** Waits until a receiver has logged that it decodes. */
async function decodes(stats: string): Promise<void> {
  for (let tries = 0; tries < 12_000; tries++) {
    const log = await Deno.readTextFile(stats).catch(() => "");
    if (/"decoded":[2-9]/.test(log)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("the receiver decodes nothing");
}

Deno.test("processes: Ctrl-C on a live sender ends both sides cleanly, with totals", async () => {
  await withStage(async ({ folder, model }) => {
    const url = `tcp://127.0.0.1:${freePort()}`;
    const out = `${folder}/out.mp4`;
    const stats = `${folder}/stats`;
    const receiver = start(["decode", ...model, "--play", "--json", "--stats", stats, url, out]);
    const raw = ["--size", "32", "--raw-size", "32x32", "--live", "--json"];
    const sender = start(["encode", ...model, ...raw, "-", url], "piped");
    const feeding = feed(sender.process.stdin, 1_000_000, 20).catch(() => {});
    await decodes(stats);
    sender.process.kill("SIGINT");
    const [received, sent] = await Promise.all([receiver.result(), sender.result()]);
    await feeding;
    assert.deepEqual([received.code, sent.code], [0, 130], received.stderr + sent.stderr);
    const { framesIn, framesDropped } = JSON.parse(sent.stdout);
    const { framesOut, ring } = JSON.parse(received.stdout);
    assert.equal(framesOut, framesIn - framesDropped);
    await using video = await VideoReader.open(out);
    assert.equal(video.info.frameCount, framesOut + ring.underruns);
    assert.match(received.stderr, /delay: .* = /);
  });
});

Deno.test("processes: a video, images, raw frames and a camera become files of windows", async () => {
  await withStage(async ({ folder, clip, model }) => {
    const images = `${folder}/images`;
    await Deno.mkdir(images);
    const jpegs = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const data = new Uint8Array(40 * 40 * 3).fill(i * 9);
      const jpeg = await encodeJpeg({ width: 40, height: 40, data });
      await Deno.writeFile(`${images}/p${i}.jpg`, jpeg);
      return jpeg;
    }));
    await using camera = serveCamera(jpegs);
    const sources = { clip, images, camera: camera.url };
    const counts: Record<string, number> = {};
    for (const [name, source] of Object.entries(sources)) {
      const options = ["--size", "32", "--capture-ring", "510"];
      assert.equal(
        await command(
          "encode",
          ...model,
          ...options,
          source,
          `${pathToFileURL(folder)}/of_${name}/`,
        ),
        0,
      );
      counts[name] = (await filesIn(`${folder}/of_${name}`)).length;
    }
    const raw = start(
      [
        "encode",
        ...model,
        "--size",
        "32",
        "--raw-size",
        "32x32",
        "-",
        `${pathToFileURL(folder)}/raw/`,
      ],
      "piped",
    );
    await feed(raw.process.stdin, 35, 0);
    assert.equal((await raw.result()).code, 0);
    counts.raw = (await filesIn(`${folder}/raw`)).length;
    assert.deepEqual(counts, { clip: 8, images: 2, camera: 2, raw: 3 });
  });
});

/** A camera that sends some images and closes the connection. */
function serveCamera(jpegs: Uint8Array<ArrayBuffer>[]) {
  const body = async function* () {
    for (const jpeg of jpegs) {
      const head = `--x\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`;
      yield new TextEncoder().encode(head);
      yield jpeg;
      yield new TextEncoder().encode("\r\n");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const headers = { "content-type": "multipart/x-mixed-replace; boundary=x" };
    return new Response(ReadableStream.from(body()), { headers });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("processes: the video that comes out has the frames, rate and duration of the source", async () => {
  await withStage(async ({ folder, clip, model }) => {
    const out = `${folder}/out.mp4`;
    const channel = `${pathToFileURL(folder)}/windows/`;
    assert.equal(await command("encode", ...model, "--size", "32", clip, channel), 0);
    const times = `${folder}/times.txt`;
    assert.equal(await command("decode", ...model, "--times", times, channel, out), 0);
    await using source = await VideoReader.open(clip);
    await using copy = await VideoReader.open(out);
    assert.equal(copy.info.frameCount, source.info.frameCount);
    assert(Math.abs(copy.info.fps - source.info.fps) < 0.01);
    assert(Math.abs(copy.info.duration - source.info.duration) < 1 / source.info.fps);
    const lines = (await Deno.readTextFile(times)).trim().split("\n").slice(1).map(Number);
    assert.deepEqual(lines.length, source.index.length);
    source.index.forEach(({ pts }, i) =>
      assert(Math.abs(lines[i]! - pts * 1000) < 1, `frame ${i}`)
    );
  });
});

Deno.test("processes: roundtrip runs the pipeline in one process and reports the quality", async () => {
  await withStage(async ({ clip, model }) => {
    const { result } = start(["roundtrip", ...model, "--size", "32", "--json", clip]);
    const { code, stdout, stderr } = await result();
    assert.equal(code, 0, stderr);
    const totals = JSON.parse(stdout);
    assert.equal(totals.frames, 120);
    assert(totals.psnr > 3 && totals.psnr < 60 && totals.ssim < 1);
    assert.match(stderr, / → range coded \(packed with --payload packed\)/);
    assert(totals.bytes <= 8 * (48 + 180) && totals.bytes > 8 * 48, `${totals.bytes} bytes`);
    assert.match(stderr, /120 frames: PSNR .* dB, SSIM .*, \d+ bytes, .* kbit\/s/);
  });
});

Deno.test("processes: statistics are logged as lines of JSON", async () => {
  await withStage(async ({ folder, clip, model }) => {
    const log = `${folder}/log.jsonl`;
    assert.equal(await command("roundtrip", ...model, "--size", "32", "--stats", log, clip), 0);
    const lines = (await Deno.readTextFile(log)).trim().split("\n").map((line) => JSON.parse(line));
    const { send, receive } = lines.at(-1);
    assert.deepEqual([send.encoded, send.sent, receive.decoded], [8, 8, 8]);
    assert(send.encode.p99 >= send.encode.p50 && receive.latency.expected > 0);
  });
});

Deno.test("processes: inspect lists a folder's windows and a journal's, and leaves them there", async () => {
  await withStage(async ({ folder, clip, model }) => {
    const channel = `${pathToFileURL(folder)}/windows/?limit=20`;
    const journal = `${folder}/journal`;
    await command("encode", ...model, "--size", "32", "--payload", "range", clip, channel);
    const lists = async (reference: string) => {
      const { code, stdout, stderr } = await start(["inspect", "--json", reference]).result();
      assert.equal(code, 0, stderr);
      const windows = stdout.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(windows.map(({ frames }) => frames), [17, 17, 17, 17, 17, 17, 17, 1]);
      assert.deepEqual([windows[0].flags, windows[7].flags], ["key", "end"]);
    };
    await lists(channel);
    assert.equal((await filesIn(`${folder}/windows`)).length, 8);
    await command("decode", ...model, "--journal", journal, channel, `${folder}/x.rgb`);
    assert.equal((await filesIn(`${folder}/windows`)).length, 0);
    await lists(journal);
  });
});

Deno.test("processes: a stream of which every window is damaged ends with 1", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const url = pathToFileURL(`${folder}/windows`).href;
    {
      await using sender = await openSender(url);
      const messages = ODD_WINDOWS.map(({ message }, sequence) => ({ ...message, sequence }));
      const last = messages.length - 1;
      for (const [i, message] of messages.entries()) {
        await sender.send({ ...message, end: i === last });
      }
      await sender.flush();
    }
    const args = ["--model", "vq-tiny", "--force", url, `${folder}/out.rgb`];
    const { code, stderr } = await start(["decode", ...args]).result();
    assert.equal(code, 1);
    assert.match(stderr, /missing (\d+) windows: 0-\d+ \(\1 damaged/);
    assert.equal(stderr.match(/Cannot read a window/g)?.length, 1, "one line for all of them");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("processes: a damaged source is sent to its end, and both reports count what was damaged", async () => {
  await withStage(async ({ folder, model }) => {
    const clip = `${folder}/damaged.mp4`;
    await damagedVideo(clip);
    const url = pathToFileURL(`${folder}/windows`).href;
    const send = ["encode", ...model, "--size", "32", "--json", clip, url];
    const { code, stdout, stderr } = await start(send).result();
    assert.equal(code, 0, stderr);
    const { framesIn, damagedFrames } = JSON.parse(stdout);
    assert.equal(framesIn, 60);
    assert(damagedFrames > 0 && damagedFrames < 30, `${damagedFrames} damaged`);
    assert.match(stderr, new RegExp(`^${damagedFrames} frames of the source were damaged$`, "m"));
    const files = await filesIn(`${folder}/windows`);
    assert.deepEqual(files.map((name) => name.includes(".end.")), [false, false, false, true]);
  });
});

Deno.test("processes: a damaged window in a spool is left out, accepted, and does not come again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const url = pathToFileURL(`${folder}/windows`).href;
    const { message: odd } = ODD_WINDOWS.find(({ name }) => name === "17 channels")!;
    {
      await using sender = await openSender(`${url}?limit=10`);
      for (const sequence of [0, 1, 3, 4]) {
        if (sequence === 3) await sender.send(odd);
        await sender.send(goodMessage(sequence));
      }
      await sender.send({ ...odd, sequence: 5, end: true });
      await sender.flush();
    }
    const model = ["--model", "vq-tiny", "--device", "cpu", "--force"];
    const spool = `${url}?limit=10`;
    const { code, stderr } = await start(["decode", ...model, spool, `${folder}/out.rgb`]).result();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^missing 2 windows: 2, 5 \(2 damaged/m);
    assert.equal((await Deno.stat(`${folder}/out.rgb`)).size, 4 * 17 * 16 * 16 * 3);
    assert.deepEqual(await filesIn(`${folder}/windows`), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("processes: both ends say how they are while they run", async () => {
  await withStage(async ({ folder, model }) => {
    const url = `tcp://127.0.0.1:${freePort()}`;
    const [sending, receiving] = [freePort(), freePort()];
    const seen = (port: number) => ["--listen", `127.0.0.1:${port}`];
    const stats = `${folder}/stats`;
    const receive = [...seen(receiving), "--stats", stats, url, `${folder}/out.rgb`];
    const receiver = start(["decode", ...model, ...receive]);
    const raw = ["--size", "32", "--raw-size", "32x32", "--live"];
    const sender = start(["encode", ...model, ...raw, ...seen(sending), "-", url], "piped");
    const feeding = feed(sender.process.stdin, 1_000_000, 20).catch(() => {});
    try {
      await decodes(stats);
      const page = (port: number, name: string) => fetch(`http://127.0.0.1:${port}/${name}`);
      const health = async (port: number) => await (await page(port, "health")).json();
      const [sent, received] = [await health(sending), await health(receiving)];
      assert.deepEqual([sent.status, sent.damagedFrames, received.status], ["ok", 0, "ok"]);
      assert(sent.sent > 0 && received.decoded > 0);
      const metrics = async (port: number) => await (await page(port, "metrics")).text();
      assert.match(await metrics(sending), /^video_vq_sent [1-9]\d*$/m);
      assert.match(await metrics(receiving), /^video_vq_decoded [1-9]\d*$/m);
    } finally {
      sender.process.kill("SIGINT");
      const ended = await Promise.all([receiver.result(), sender.result()]);
      assert.deepEqual(ended.map(({ code }) => code), [0, 130]);
      await feeding;
    }
  });
});

Deno.test("processes: wrong usage ends with 2, a missing file with 1", async () => {
  const cases: [string[], number, RegExp][] = [
    [[], 2, /Usage: video-vq COMMAND/],
    [["encode", "--model", "vq-tiny", "--tail", "exact", "a", "b"], 2, /expected pad or drop/],
    [["roundtrip", "--model", "vq-tiny", "--tail", "exact", "a"], 2, /expected pad or drop/],
    [
      ["decode", "--weights", "none.ckpt", "tcp://127.0.0.1:0", "x.mp4"],
      1,
      /found neither a file nor a model/,
    ],
  ];
  await Promise.all(cases.map(async ([args, code, message]) => {
    const found = await start(args).result();
    assert.match(found.stderr, message);
    assert.equal(found.code, code);
  }));
});
