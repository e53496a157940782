#!/bin/sh
# @NAME@ @VERSION@ for @PLATFORM@: this script unpacks what follows it, once, and runs it.
# Needs sh, tail, tar and gzip. Unpacked programs lie in VCS_CACHE, else the user's cache folder.
set -u
name='@NAME@' id='@ID@' size_mb='@SIZE_MB@'
fail() { printf '%s: %s\n' "$name" "$1" >&2; exit 1; }
# A folder of our own that we may write to; others on this machine must not be able to.
usable() { mkdir -p "$1" 2>/dev/null && [ -O "$1" ] && [ ! -L "$1" ] && [ -w "$1" ]; }
# Writes the name of the running process into the folder: what is in use is not swept.
mark() { { : > "$1/run.$$"; } 2>/dev/null; }
alive() { kill -0 "${1##*.}" 2>/dev/null; }
# Removes marks of processes that ended; true if none is left.
idle() {
  none=0
  for mark in "$1"/run.*; do
    [ -e "$mark" ] || continue
    if alive "$mark"; then none=1; else rm -f "$mark" 2>/dev/null; fi
  done
  return "$none"
}
# Removes other versions that do not run, and what killed processes left half unpacked.
sweep() {
  for folder in "$root/$name"-*; do
    case $folder in
      "$root/$name-$id") ;;
      *.part.*) alive "$folder" || rm -rf "$folder" ;;
      *) if idle "$folder"; then rm -rf "$folder"; fi ;;
    esac
  done
}
unpack() {
  part="$root/$name-$id.part.$$"
  mkdir -p "$part" || fail "Cannot unpack into $root"
  trap 'rm -rf "$part"' EXIT
  trap 'exit 130' HUP INT TERM
  printf '%s: unpacking %s MB into %s, once\n' "$name" "$size_mb" "$root" >&2
  { tail -n +@LINES@ "$self" | gzip -dc || : > "$part/damaged"; } | tar xf - -C "$part" ||
    fail "Cannot unpack into $root: is it full, or this file damaged?"
  [ ! -e "$part/damaged" ] && [ -e "$part/complete" ] || fail "Cannot unpack: this file is damaged"
  # Another process may have been quicker: then the folder has moved into its own.
  mv "$part" "$app" 2>/dev/null
  rm -rf "$app/${part##*/}" "$part"
  trap - EXIT HUP INT TERM
  [ -e "$app/complete" ] || fail "Cannot move what was unpacked to $app"
  sweep
}
case $0 in */*) self=$0 ;; *) self=$(command -v -- "$0") ;; esac
cache=${VCS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/vcs}
root=$cache/programs app=$cache/programs/$name-$id
if [ ! -e "$app/complete" ] && ! usable "$root"; then
  root=${TMPDIR:-/tmp}/vcs-programs-$(id -u) app=$root/$name-$id
  usable "$root" || fail "Cannot unpack: neither $cache nor ${TMPDIR:-/tmp} can be written to; set VCS_CACHE"
  chmod 700 "$root"
  [ -e "$app/complete" ] ||
    printf '%s: %s cannot be written to, so %s is used; set VCS_CACHE to choose\n' "$name" "$cache" "$root" >&2
fi
[ -e "$app/complete" ] || unpack
mark "$app"
set_marks() { count=$#; }
set_marks "$app"/run.*
[ "$count" -le 64 ] || idle "$app"
export VCS_PARTS="$app/parts" DENO_DIR="$app/deno" DENO_NO_UPDATE_CHECK=1
exec "$app/deno/deno" run -A --no-config --no-lock --cached-only --quiet "$app/main.js" "$@"
