import assert from "node:assert/strict";
import { hasPrograms } from "#testing/shared.ts";
import { fingerprintDigits } from "./socket.ts";
import { openCamera } from "./camera.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);

/** A certificate that nobody has signed. */
async function selfSigned(): Promise<{ cert: string; key: string }> {
  const folder = await Deno.makeTempDir();
  const args =
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert";
  const command = new Deno.Command("openssl", {
    args: args.split(" "),
    cwd: folder,
    stderr: "null",
  });
  assert.ok((await command.output()).success);
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  const pair = { cert: await read("cert"), key: await read("key") };
  await Deno.remove(folder, { recursive: true });
  return pair;
}

Deno.test({
  name: "a camera's own certificate is trusted by its fingerprint, or if none is checked",
  ignore: !hasPrograms("openssl"),
  fn: async () => {
    let requests = 0;
    const settings = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    await using server = Deno.serve({ ...settings, ...await selfSigned() }, () => {
      requests++;
      return new Response(JPEG, { headers: { "content-type": "image/jpeg" } });
    });
    const url = `https://name:secret@127.0.0.1:${server.addr.port}/`;
    const refused = await openCamera(url).catch((error) => error);
    assert.equal(refused.code, "tls");
    assert.doesNotMatch(refused.message, /secret/);
    assert.match(refused.message, /DENO_CERT/);
    const [, told] = /--tls-fingerprint ([0-9A-F:]{95}),/.exec(refused.message) ?? [];
    const other = "00".repeat(32);
    await assert.rejects(openCamera(url, { tlsFingerprints: [other] }), {
      code: "tls",
      message: refused.message,
    });
    assert.equal(requests, 0);
    for (const trust of [{ tlsFingerprints: [other, told!] }, { insecure: true }]) {
      using camera = await openCamera(url, trust);
      const frames = await Array.fromAsync(camera.frames());
      assert.deepEqual(frames.map(({ data }) => data), [JPEG]);
    }
  },
});

Deno.test("fingerprintDigits() takes fingerprints as tools print them", () => {
  const pairs = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0"));
  const digits = pairs.join("").toUpperCase();
  for (const text of [pairs.join(":"), pairs.join(" "), `SHA256:${digits}`, digits]) {
    assert.equal(fingerprintDigits(text), digits);
  }
  for (const text of ["", digits.slice(1), `${digits}0`, digits.replace("0", "g")]) {
    assert.equal(fingerprintDigits(text), undefined);
  }
});
