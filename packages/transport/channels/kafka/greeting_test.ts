import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { freePort } from "../../site/free_port.ts";
import { certificates } from "../../testing/certificates.ts";
import { greet } from "./greeting.ts";

/** A server that lets one in who shows a certificate of its authority, and says a line to it. */
async function serve(files: { ca: string; cert: string; key: string }) {
  const port = freePort();
  const child = new Deno.Command("openssl", {
    args: [
      ...["s_server", "-accept", `127.0.0.1:${port}`, "-cert", files.cert, "-key", files.key],
      ...["-Verify", "1", "-verify_return_error", "-CAfile", files.ca],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const line = child.stdin.getWriter();
  await line.write(Uint8Array.of(10));
  const reader = child.stdout.getReader();
  let said = "";
  while (!said.includes("ACCEPT")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot serve: ${said}`);
    said += new TextDecoder().decode(value);
  }
  return {
    address: { hostname: "127.0.0.1", port },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ends by itself once it has refused somebody.
      }
      await Promise.all([child.status, reader.cancel(), line.close().catch(() => {})]);
    },
  };
}

Deno.test({
  name: "kafka: a server's alert is heard that comes after the handshake",
  ...needs(hasPrograms("openssl")),
  async fn() {
    const folder = await Deno.makeTempDir();
    const files = await certificates(folder);
    const read = (path: string) => Deno.readTextFileSync(path);
    const caCerts = [read(files.ca)];
    const own = { cert: read(files.cert), key: read(files.key) };
    const stranger = { cert: read(files.other), key: read(`${files.other}.key`) };
    const greeting = async (tls: Parameters<typeof greet>[1]) => {
      await using server = await serve(files);
      await greet(server.address, tls);
    };
    await assert.rejects(greeting({ caCerts }), /fatal alert: CertificateRequired/);
    await assert.rejects(greeting({ caCerts, ...stranger }), /fatal alert: UnknownCA/);
    await assert.rejects(greeting({ caCerts: [stranger.cert], ...own }), /certificate/);
    await greeting({ caCerts, ...own });
    await Deno.remove(folder, { recursive: true });
  },
});
