import assert from "node:assert/strict";
import { homedir } from "node:os";
import { environment, homeFolder, secretOf, withPassword } from "./environment.ts";

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

async function withFile(text: string, test: (path: string) => void): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a secret is what a variable says, or what the file holds that it names", async () => {
  assert.equal(secretOf("WORD", of({})), undefined);
  assert.equal(secretOf("WORD", of({ WORD: "", WORD_FILE: "" })), undefined);
  assert.equal(secretOf("WORD", of({ WORD: " a b " })), " a b ");
  for (const end of ["", "\n", "\r\n"]) {
    await withFile(`a:@/ b${end}`, (path) => {
      assert.equal(secretOf("WORD", of({ WORD_FILE: path })), "a:@/ b");
      assert.equal(secretOf("WORD", of({ WORD: "c", WORD_FILE: path })), "c");
    });
  }
});

Deno.test("a file of a secret that is missing or empty is no open door", async () => {
  const misuse = { name: "UsageError", message: /^Cannot read WORD_FILE: / };
  assert.throws(() => secretOf("WORD", of({ WORD_FILE: "/no/such" })), misuse);
  await withFile("\n", (path) => {
    assert.throws(() => secretOf("WORD", of({ WORD_FILE: path })), misuse);
  });
});

Deno.test("the password of a URL may be the name of a variable", async () => {
  const env = of({ CAM: "w:/@ rd", OTHER: "x" });
  assert.equal(withPassword("rtsp://me:$CAM@host/a", env), "rtsp://me:w%3A%2F%40%20rd@host/a");
  assert.equal(withPassword("redis://:$CAM@host", env), "redis://:w%3A%2F%40%20rd@host");
  await withFile("word\n", (path) => {
    const named = withPassword("amqp://me:$BROKER@host", of({ BROKER_FILE: path }));
    assert.equal(named, "amqp://me:word@host");
  });
  const query = "https://$CAM:x@host/a.mp4?token=$CAM&x=$OTHER#$CAM";
  const filled = "https://w%3A%2F%40%20rd:x@host/a.mp4?token=w%3A%2F%40%20rd&x=x#$CAM";
  assert.equal(withPassword(query, env), filled);
  for (
    const url of [
      "https://host/$CAM?$CAM=1&a=$CAMs",
      "http://me:$mall@host/",
      "http://me:a$CAM@host/",
      "file:a/$CAM",
      "$CAM",
      "-",
    ]
  ) {
    assert.equal(withPassword(url, env), url);
  }
  assert.throws(() => withPassword("http://me:$NONE@host/", env), {
    name: "UsageError",
    message: "Cannot read the password of http://***@host/: neither NONE nor NONE_FILE is set",
  });
});
