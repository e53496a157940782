/**
 * Prints as JSON how much memory the weights of EnCodec's 48 kHz decoder take from checkpoint to
 * inference, and which devices are not here, so that nothing was measured on them.
 */
import { listDevices } from "@vcs/onnx/devices";
import { openDecoder, writeCheckpoint } from "./onnx_checkpoint.ts";

const folder = await Deno.makeTempDir();
const [checkpoint, cache] = [`${folder}/encodec_48khz.th`, `${folder}/graphs`];

/** Memory of this process that is its own, and what it has mapped of files, in bytes. */
async function memory(): Promise<{ own: number; mapped: number }> {
  const status = await Deno.readTextFile("/proc/self/status");
  const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return { own: 1024 * kilobytes("RssAnon"), mapped: 1024 * kilobytes("RssFile") };
}

/** In a process of its own: opens the decoder and, before it decodes, reports how much it grew. */
async function grow(): Promise<void> {
  const [path, graphs] = Deno.args as [string, string];
  await listDevices();
  const before = await memory();
  using decoder = await openDecoder(path, graphs);
  const opened = await memory();
  await decoder.run();
  const ran = await memory();
  const grew = (after: typeof before) => ({
    own: after.own - before.own,
    mapped: after.mapped - before.mapped,
  });
  await print({ opened: grew(opened), ran: grew(ran) });
}

async function print(value: unknown): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

async function measured(): Promise<unknown> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.url, checkpoint, cache],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function weightBytes(): Promise<number> {
  let bytes = 0;
  for await (const model of Deno.readDir(cache)) {
    for await (const file of Deno.readDir(`${cache}/${model.name}`)) {
      if (file.name.endsWith(".weights")) {
        bytes += (await Deno.stat(`${cache}/${model.name}/${file.name}`)).size;
      }
    }
  }
  return bytes;
}

if (Deno.args.length > 0) await grow();
else {
  try {
    await writeCheckpoint(checkpoint);
    const built = await measured();
    const cached = await measured();
    const notRun = (await listDevices()).filter((d) => !d.available);
    await print({
      weights: await weightBytes(),
      built,
      cached,
      notRun: notRun.map(({ device, reason }) => `${device}: ${reason}`),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
