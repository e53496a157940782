import { pathToFileURL } from "node:url";
import { conformance, LIMIT, type Place } from "../testing/conformance.ts";

/** Deletes the messages that wait. */
async function removeFiles({ receiver }: Place): Promise<void> {
  const folder = new URL(receiver);
  folder.search = "";
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(`${folder.pathname}/${name}`);
  }
}

Deno.test("channel: file keeps its promises", async (t) => {
  const folder = await Deno.makeTempDir();
  let places = 0;
  await conformance(t, {
    channel: "file",
    place() {
      const url = `${pathToFileURL(folder)}/${places++}?limit=${LIMIT}`;
      return { sender: url, receiver: url };
    },
    remove: removeFiles,
    trim: removeFiles,
  });
  await Deno.remove(folder, { recursive: true });
});
