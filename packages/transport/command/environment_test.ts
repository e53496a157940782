import assert from "node:assert/strict";
import { homedir } from "node:os";
import { environment, homeFolder } from "./environment.ts";

const of = (variables: Record<string, string>) => ({ get: (name: string) => variables[name] });

Deno.test("the folder of a user is named by the variable of the system", () => {
  const both = of({ HOME: "/home/ada", USERPROFILE: "C:\\Users\\ada" });
  assert.equal(homeFolder(both, "linux"), "/home/ada");
  assert.equal(homeFolder(both, "darwin"), "/home/ada");
  assert.equal(homeFolder(both, "windows"), "C:\\Users\\ada");
  assert.equal(homeFolder(of({}), "linux"), homedir());
  assert.equal(homeFolder(of({ HOME: "" }), "linux"), homedir());
});

Deno.test({
  name: "a variable that may not be read is not set",
  permissions: { env: ["HOME"] },
  fn() {
    assert.equal(environment.get("VCS_DEBUG"), undefined);
    assert.equal(typeof environment.get("HOME"), "string");
  },
});

Deno.test({
  name: "where nothing names the folder of a user, the error names the permission",
  permissions: "none",
  fn() {
    assert.throws(() => homeFolder(), { name: "NotCapable", message: /: run with --allow-env/ });
  },
});
