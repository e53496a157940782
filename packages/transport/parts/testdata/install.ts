/** Installs the part that the first argument describes, and prints its folder. */
import { installPart } from "../install.ts";

console.log(await installPart(JSON.parse(Deno.args[0]!), { platform: "linux-x64" }));
