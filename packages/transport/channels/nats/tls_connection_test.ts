import assert from "node:assert/strict";
import { connectWithTls } from "./tls_connection.ts";

const SAYS = {
  "something else": "220 mail.example ESMTP\r\n",
  "half an object": "INFO {\r\n",
  "no object": "INFO null\r\n",
  "no TLS": 'INFO {"tls_required":false}\r\n',
  "no end of the line": "x".repeat(200_000),
  "nothing": "",
};

for (const [what, line] of Object.entries(SAYS)) {
  Deno.test(`nats: a server that says ${what} is refused`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = (async () => {
      using connection = await listener.accept();
      const bytes = new TextEncoder().encode(line);
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      if (line.length > 100_000) await connection.read(new Uint8Array(1));
    })().catch(() => {});
    const { port } = listener.addr;
    const connecting = connectWithTls({ hostname: "127.0.0.1", port }, {});
    await assert.rejects(connecting, { name: "TransportError", code: "refused" });
    await served;
  });
}
