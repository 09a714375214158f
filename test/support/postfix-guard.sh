#!/bin/sh
# Runs one private Postfix (folder: $1) for as long as standard input stays open, then stops it and removes
# the folder. The test holds the other end of that pipe, so Postfix ends with the test, however the test ends.
set -u
directory=$1
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$directory/queue" "$directory/data" "$directory/log"
chown postfix "$directory/data"
chgrp postfix "$directory/log"
chmod 775 "$directory/log"

stop() {
  master=$(tr -d ' ' <"$directory/queue/pid/master.pid" 2>/dev/null) || return 0
  kill "$master" 2>/dev/null
  # master leads the session of all its daemons; those that have ended but that init has not collected don't count.
  tries=0
  while ps -o stat= -g "$master" | grep -q '^[^Z]'; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || kill -9 "-$master" 2>/dev/null
    sleep 0.05
  done
}

if postfix -c "$directory/etc" start >"$directory/start.log" 2>&1; then
  echo ready
  cat >/dev/null
  stop
  rm -rf "$directory"
else
  cat "$directory/start.log" "$directory/log/mail.log" >&2
  stop
  rm -rf "$directory"
  exit 1
fi
