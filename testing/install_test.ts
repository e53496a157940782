import assert from "node:assert/strict";
import { join } from "node:path";
import { PACKAGES, ROOT } from "./house.ts";
import { installSection } from "./install.ts";

const [START, END] = ["<!-- install -->", "<!-- /install -->"];

/** A text without its line breaks, which the formatter sets. */
const flat = (text: string) => text.replace(/\s+/g, " ");

for (const name of PACKAGES) {
  Deno.test(`${name}: the README says how to install it, and what that costs`, async () => {
    const path = join(ROOT, "packages", name, "README.md");
    const text = await Deno.readTextFile(path);
    const [before, rest = ""] = text.split(START);
    const [, after] = rest.split(END);
    assert.ok(before?.endsWith("## Install\n\n") && after !== undefined, `no place for ${START}`);
    const wanted = `${before}${START}\n\n${await installSection(name)}\n\n${END}${after}`;
    if (Deno.env.get("UPDATE_README") !== "1") assert.equal(flat(text), flat(wanted));
    else await Deno.writeTextFile(path, wanted);
  });
}
