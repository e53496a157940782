import { checkReadme } from "#testing/readme.ts";
import { together } from "./command.ts";

Deno.test("command: the README's table is that of the command", async () => {
  await checkReadme(new URL("../README.md", import.meta.url), together);
});
