/**
 * Certificates for tests, made by the program `openssl`.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BrokerTls } from "../trial/brokers.ts";

/** An authority of our own, a certificate of it for this machine, and one of another authority. */
export async function certificates(folder: string): Promise<BrokerTls & { other: string }> {
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const authority = (name: string) =>
    openssl("req", "-x509", ...ec, "-subj", `/CN=${name}`, ...files(name));
  const files = (name: string) => ["-keyout", `${folder}/${name}.key`, "-out", `${folder}/${name}`];
  const openssl = async (...args: string[]) => {
    const { success } = await new Deno.Command("openssl", { args, stderr: "null" }).output();
    assert.ok(success, args.join(" "));
  };
  await authority("ca");
  await authority("other");
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const signed = ["-CA", `${folder}/ca`, "-CAkey", `${folder}/ca.key`, "-addext", names];
  const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
  await openssl(
    "req",
    "-x509",
    ...ec,
    "-subj",
    "/CN=localhost",
    ...signed,
    ...leaf,
    ...files("own"),
  );
  const [ca, cert, key, other] = ["ca", "own", "own.key", "other"].map((n) => `${folder}/${n}`);
  return { ca: ca!, cert: cert!, key: key!, other: other! };
}
