#!/bin/bash
# A partition of Spark or Ray as a pipe: items as JSON lines in, what became of each as JSON lines out.
#
#   Spark: songs.repartition(16).toJSON().pipe("bash pipe.sh s3://out/codes")
#   Ray:   subprocess.run(["bash", "pipe.sh", "s3://out/codes"], input=lines, text=True, stdout=PIPE)
#
# A line is {"key": …, "source": …}, with "from" and "to" in seconds where a part is meant.
set -euo pipefail
items=$(mktemp)
trap 'rm -f "$items"' EXIT
cat >"$items"
# The output is named by the items: a partition that is tried again goes on where it ended.
part=$(sha256sum "$items" | cut -c 1-16)
# Exit code 1 says that items failed, each of which has its line, or that the batch could not go on:
# what it says last, once all of it is written, distinguishes them.
said=$(mktemp)
trap 'rm -f "$items" "$said"' EXIT
code=0
{
  encodec-stream batch --list "$items" -o "$1/$part" --format webdataset --shard off --json \
    2>&1 >&3 | tee "$said" >&2
} 3>&1 || code=$?
if [ $code = 1 ] && grep -q '^[0-9]* items done' "$said"; then code=0; fi
exit $code
