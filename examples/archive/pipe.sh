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
# Exit code 1 says that items failed, each of which has its line; the others are done.
encodec-stream batch --list "$items" -o "$1/$part" --format webdataset --shard off --json || [ $? = 1 ]
