import { memoryChannel, openReceiver, openSender } from "@vcs/transport/channel";
import { type Message, message } from "@vcs/transport/message";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { needs } from "#testing/shared.ts";
import { BUCKET, MOTO_PYTHON, setVariables, startMoto } from "../../transport/testing/moto.ts";
import { hasBroker, startBroker } from "../../transport/trial/brokers.ts";
import { FilmTracks, type Track, TrackSplitter, unwrapped, wrapped } from "./tracks.ts";

const never = new AbortController().signal;

/** Messages of a track, the last of which ends it. */
function made(count: number, seed: number): Message[] {
  return Array.from({ length: count }, (_, sequence) =>
    message(Uint8Array.of(seed, sequence), {
      ...{ streamId: "00000000000000aa", modelId: "00000000000000bb", sequence },
      ...{ pts: sequence / 8, key: sequence % 2 === 0, end: sequence === count - 1 },
    }));
}

/** What came of a track: everything that its receivers look at. */
const seen = ({ sequence, pts, key, end, modelId, payload }: Message) => ({
  ...{ sequence, pts, key, end, modelId, payload: [...payload] },
});

/** Sends both tracks at once through a channel, and takes each by itself. */
async function throughout(
  sender: Parameters<typeof openSender>[0] | ReturnType<typeof memoryChannel>["sender"],
  receiver: ReturnType<typeof memoryChannel>["receiver"],
) {
  await using out = typeof sender === "string" || sender instanceof URL
    ? await openSender(sender)
    : sender;
  const tracks = new FilmTracks(out, true);
  const splitter = new TrackSplitter(receiver, never);
  const sent: Record<Track, Message[]> = { video: made(6, 1), sound: made(11, 2) };
  const send = async (track: Track) => {
    for (const one of sent[track]) await tracks.sender(track).send(one);
  };
  const take = (track: Track) => Array.fromAsync(splitter.messages(track));
  const [video, sound, hasSound] = await Promise.all([
    take("video"),
    take("sound"),
    splitter.hasSound(),
    send("video"),
    send("sound"),
  ]);
  await out.flush();
  assert.equal(hasSound, true);
  assert.deepEqual(video.map(seen), sent.video.map(seen));
  assert.deepEqual(sound.map(seen), sent.sound.map(seen));
  assert.deepEqual(
    new Set([...video, ...sound].map((m) => m.streamId)),
    new Set([tracks.streamId]),
  );
}

Deno.test("tracks: both come whole and in order over a channel with one place", async () => {
  const { sender, receiver } = memoryChannel(1);
  await throughout(sender, receiver);
});

Deno.test("tracks: over tcp, ws, file and ZeroMQ", async () => {
  const folder = await Deno.makeTempDir();
  const here = ["tcp://127.0.0.1:0", "ws://127.0.0.1:0/film?token=open", "zmq+pull://127.0.0.1:0"];
  for (const url of [...here, `${pathToFileURL(folder).href}/`]) {
    await using receiver = await openReceiver(url);
    await throughout(receiver.url.replace("pull", "push"), receiver);
  }
  await Deno.remove(folder, { recursive: true });
});

for (
  const [name, url] of [
    ["redis", "redis://127.0.0.1:PORT/0?stream=film"],
    ["nats", "nats://127.0.0.1:PORT?stream=film"],
    ["rabbitmq", "amqp://127.0.0.1:PORT/?queue=film"],
    ["kafka", "kafka://127.0.0.1:PORT/?topic=film"],
  ] as const
) {
  Deno.test({
    name: `tracks: over ${name}`,
    // `deno task kafka` fetches Kafka from Maven's repository, which CI does not.
    ...(name === "kafka" ? { ignore: !hasBroker(name) } : needs(hasBroker(name))),
    async fn() {
      await using broker = await startBroker(name);
      const where = url.replace("PORT", `${broker.port}`);
      await using receiver = await openReceiver(where);
      await throughout(where, receiver);
    },
  });
}

Deno.test({
  name: "tracks: over s3",
  ...needs(MOTO_PYTHON !== undefined),
  async fn() {
    await using service = await startMoto();
    using _ = setVariables(service.env);
    const where = `s3://${BUCKET}/film?endpoint=http://127.0.0.1:${service.port}`;
    await using receiver = await openReceiver(where);
    await throughout(where, receiver);
  },
});

Deno.test("tracks: a film ends once, with the last of its tracks", async () => {
  const { sender, receiver } = memoryChannel(20);
  const tracks = new FilmTracks(sender, true);
  const end = message(new Uint8Array(0), { end: true });
  await tracks.sender("sound").send(end);
  await tracks.sender("video").send(message(Uint8Array.of(1)));
  await tracks.sender("video").send({ ...end, sequence: 1 });
  const all = await Array.fromAsync(receiver);
  assert.deepEqual(all.map((m) => [m.sequence, m.end]), [[0, false], [1, false], [2, true]]);
  const single = new FilmTracks(sender, false);
  await single.sender("video").send(end);
  assert.equal((await receiver.receive())?.message.end, true);
});

Deno.test("tracks: a track whose end was lost ends with the film; nobody's message is passed over", async () => {
  const { sender, receiver } = memoryChannel(20);
  const put = (fields: Partial<Message>, payload = new Uint8Array(16)) =>
    sender.send(message(payload, fields));
  const [first] = made(2, 1);
  await put({ sequence: 0 }, Uint8Array.of(1, 2, 3));
  await put({ sequence: 1 }, new Uint8Array(16).fill(7));
  await sender.send({
    ...wrapped({ track: "sound", hasSound: true, message: first! }),
    sequence: 2,
  });
  await put({ sequence: 3, end: true });
  const splitter = new TrackSplitter(receiver, never);
  const sound = await Array.fromAsync(splitter.messages("sound"));
  assert.deepEqual(sound.map(seen), [seen(first!)]);
  assert.equal(splitter.foreign, 2);
  assert.equal(receiver.counters.accepted, 3);
});

Deno.test("tracks: a wait that is given up loses nothing", async () => {
  const { sender, receiver } = memoryChannel(20);
  const splitter = new TrackSplitter(receiver, never);
  const stop = new AbortController();
  const waiting = splitter.receiver("video").receive({ signal: stop.signal });
  const refused = assert.rejects(waiting, /AbortError/);
  stop.abort();
  await refused;
  await new FilmTracks(sender, true).sender("video").send(made(2, 1)[0]!);
  const delivery = await splitter.receiver("video").receive();
  assert.deepEqual([...delivery!.message.payload], [1, 0]);
});

Deno.test("tracks: only what is a film's is read", () => {
  const good = wrapped({ track: "video", hasSound: true, message: made(1, 1)[0]! });
  assert.deepEqual(unwrapped(good)?.hasSound, true);
  for (const at of [0, 1, 2, 7, 15]) {
    const payload = good.payload.with(at, 0x80);
    assert.equal(unwrapped({ ...good, payload }), undefined, `${at}`);
  }
  assert.equal(unwrapped({ ...good, payload: good.payload.subarray(0, 15) }), undefined);
});

Deno.test("tracks: what the film's receiver can read is known to the tracks", () => {
  const { sender } = memoryChannel();
  assert.deepEqual(new FilmTracks(sender, true).sender("video").peerCapabilities, []);
  const peerCapabilities = ["video-window-2"];
  const known = {
    ...{ peerCapabilities, counters: sender.counters },
    send: sender.send,
    flush: sender.flush,
  };
  assert.equal(new FilmTracks(known, true).sender("video").peerCapabilities, peerCapabilities);
});
