import assert from "node:assert/strict";
import { Places } from "./places.ts";

/** So many connections, and the indices of those that were closed. */
function connections(count: number): { conns: Deno.Conn[]; closed: number[] } {
  const closed: number[] = [];
  const conns = Array.from(
    { length: count },
    (_, i) => ({ close: () => void closed.push(i) }) as unknown as Deno.Conn,
  );
  return { conns, closed };
}

Deno.test("places: of 64 strangers the oldest silent one makes room, then the oldest", () => {
  const { conns, closed } = connections(67);
  const places = new Places(2);
  conns.slice(0, 64).forEach((conn) => places.come(conn));
  assert.deepEqual(closed, []);
  places.speak(conns[0]!);
  places.come(conns[64]!);
  assert.deepEqual(closed, [1]);
  conns.slice(0, 65).forEach((conn) => places.speak(conn));
  places.come(conns[65]!);
  places.speak(conns[65]!);
  assert.deepEqual(closed, [1, 0]);
  places.leave(conns[2]!);
  places.come(conns[66]!);
  assert.deepEqual(closed, [1, 0]);
});

Deno.test("places: peers have places of their own, and keep them", () => {
  const { conns, closed } = connections(200);
  const places = new Places(2);
  conns.slice(0, 3).forEach((conn) => places.come(conn));
  assert.deepEqual(conns.slice(0, 3).map((conn) => places.admit(conn)), [true, true, false]);
  assert.equal(places.admit(conns[0]!), true);
  conns.slice(3).forEach((conn) => places.come(conn));
  assert.equal(closed.includes(0) || closed.includes(1), false);
  places.leave(conns[0]!);
  assert.equal(places.admit(conns[199]!), true);
});
