/**
 * What takes two of the packages: they never import each other, and are joined here.
 *
 * @module
 */
if (import.meta.main) {
  const [{ runCommand }, { together }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(together);
}
