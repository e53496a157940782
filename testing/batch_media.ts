/**
 * What the tests of `batch` give the commands, and what they look at in the outputs.
 *
 * @module
 */
import { VideoWriter } from "@vcs/media/video_writer";
import { SafetensorsReader } from "@vcs/transport/safetensors";

/** Writes a video of forty frames that get brighter, two seconds of 64 by 48 pixels. */
export async function writeVideo(path: string): Promise<void> {
  const writer = await VideoWriter.open(path, { width: 64, height: 48, fps: 20 });
  for (let i = 0; i < 40; i++) {
    const data = Uint8Array.from({ length: 64 * 48 * 3 }, (_, at) => (at % 7) * 9 + 4 * i);
    await writer.add({ data });
  }
  await writer.close();
}

/** Shapes and dtypes of the tensors in a file, by name. */
export async function tensorsIn(path: string): Promise<Record<string, string>> {
  using reader = await SafetensorsReader.open(path);
  const entries = reader.names.map((name) => {
    const { dtype, shape } = reader.info(name);
    return [name, `${dtype} ${shape}`];
  });
  return Object.fromEntries(entries);
}
