import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { Authenticator, maySend } from "./auth.ts";

const field = (header: string, name: string) =>
  new RegExp(`[ ,]${name}="?([^",]*)`).exec(header)?.[1];

Deno.test("maySend() keeps to one host, and does not go back from TLS", () => {
  const may = (from: string, to: string) => maySend(new URL(from), new URL(to));
  assert.ok(may("http://cam/a", "http://cam/b"));
  assert.ok(may("http://cam/a", "https://cam/b"));
  assert.ok(!may("https://cam/a", "http://cam/b"));
  assert.ok(!may("http://cam/a", "https://other/b"));
  assert.ok(!may("http://cam/a", "http://cam:81/b"));
});

Deno.test("Authenticator answers Basic in UTF-8", () => {
  const auth = new Authenticator({ user: "test", password: "123£" });
  assert.equal(auth.header("GET", "/"), undefined);
  assert.ok(auth.challenge('Basic realm="foo", charset="UTF-8"'));
  // The example of RFC 7617, section 2.1.
  assert.equal(auth.header("GET", "/"), "Basic dGVzdDoxMjPCow==");
  assert.ok(
    !auth.challenge('Basic realm="foo"'),
    "the same challenge again means a wrong password",
  );
});

Deno.test("Authenticator answers Digest as the examples of RFC 7616", () => {
  const common =
    'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const cases = [
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ] as const;
  for (const [algorithm, response] of cases) {
    const auth = new Authenticator({ user: "Mufasa", password: "Circle of Life" });
    auth.challenge(`Digest ${common}, algorithm=${algorithm}`);
    const header = auth.header(
      "GET",
      "/dir/index.html",
      "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )!;
    assert.equal(field(header, "response"), response);
    assert.equal(field(header, "nc"), "00000001");
    assert.equal(field(auth.header("GET", "/")!, "nc"), "00000002");
  }
});

Deno.test("Authenticator answers Digest without qop as RFC 2069", () => {
  const auth = new Authenticator({ user: "Mufasa", password: "CircleOfLife" });
  auth.challenge('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"');
  const header = auth.header("GET", "/dir/index.html")!;
  assert.equal(field(header, "response"), "1949323746fe6a43ef61f9606e7febea");
  assert.ok(!header.includes("cnonce"));
});

Deno.test("Authenticator prefers Digest, and takes Basic if the algorithm is unknown", () => {
  const auth = new Authenticator({ user: "u", password: "p" });
  auth.challenge('Basic realm="a", Digest realm="a", nonce="n", algorithm=MD5-sess, qop="auth"');
  assert.match(auth.header("GET", "/")!, /^Digest /);
  auth.challenge('Digest realm="a", nonce="n", algorithm=SHA-512, Basic realm="a"');
  assert.match(auth.header("GET", "/")!, /^Basic /);
  assert.ok(!auth.challenge("Negotiate"));
});

Deno.test("Authenticator tries again if the nonce is stale, not if it is only new", () => {
  const auth = new Authenticator({ user: "u", password: "p" });
  assert.ok(auth.challenge('Digest realm="a", nonce="1"'));
  assert.ok(auth.challenge('Digest realm="a", nonce="2", stale=TRUE'));
  assert.ok(!auth.challenge('Digest realm="a", nonce="3"'));
});

Deno.test("Authenticator answers or refuses any challenge, and always comes to an end", () => {
  const good = new TextEncoder().encode(
    'Digest realm="a \\" b", nonce="n", qop="auth,auth-int", algorithm=MD5-sess, Basic realm=x',
  );
  for (const bytes of mutations(good, 2000)) {
    const auth = new Authenticator({ user: "u", password: "p" });
    const isWorthwhile = auth.challenge(new TextDecoder().decode(bytes));
    assert.equal(isWorthwhile, auth.header("GET", "/") !== undefined);
  }
});

Deno.test("a line break in a challenge begins no line in the answer", () => {
  const auth = new Authenticator({ user: "u", password: "p" });
  assert.equal(auth.challenge('Digest realm="a\rX: y", nonce="n\n", algorithm=MD5'), true);
  assert.doesNotMatch(auth.header("GET", "/")!, /[\r\n]/);
});
