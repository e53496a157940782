import { pathToFileURL } from "node:url";
import { conformance, LIMIT } from "../testing/conformance.ts";

Deno.test("channel: file keeps its promises", async (t) => {
  const folder = await Deno.makeTempDir();
  let places = 0;
  await conformance(t, {
    channel: "file",
    place() {
      const url = `${pathToFileURL(folder)}/${places++}?limit=${LIMIT}`;
      return { sender: url, receiver: url };
    },
  });
  await Deno.remove(folder, { recursive: true });
});
