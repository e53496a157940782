import assert from "node:assert/strict";
import { registrars } from "./late_destructors.ts";
import { findLibrary } from "./library.ts";
import { loadRuntime } from "./ort.ts";

Deno.test({
  name: "ONNX Runtime registers no destructors once it is loaded",
  ignore: Deno.build.os !== "linux" || Deno.build.arch !== "x86_64",
  async fn() {
    const { path } = loadRuntime(await findLibrary());
    const library = Deno.dlopen(path, { OrtGetApiBase: { parameters: [], result: "pointer" } });
    const libc = Deno.dlopen("libc.so.6", {
      sched_yield: { type: "pointer" },
      __cxa_atexit: { type: "pointer" },
    });
    const found = registrars(library.symbols.OrtGetApiBase()!);
    assert.ok(found.length > 0, "it calls __cxa_atexit");
    const { sched_yield, __cxa_atexit: registers } = libc.symbols;
    assert.notEqual(Deno.UnsafePointer.value(registers), Deno.UnsafePointer.value(sched_yield));
    for (const address of found) assert.equal(address, Deno.UnsafePointer.value(sched_yield));
    libc.close();
    library.close();
    // The table is read only again: of the library, one part alone can be written to.
    const mapped = (await Deno.readTextFile("/proc/self/maps")).split("\n");
    const written = mapped.filter((line) => line.endsWith(path) && line.includes(" rw"));
    assert.equal(written.length, 1, written.join("\n"));
  },
});
