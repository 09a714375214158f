#!/bin/sh
# Runs one private Postfix (folder: $1) for as long as standard input stays open, then stops it and removes
# the folder. The test holds the other end of that pipe, so Postfix ends with the test, however the test ends.
# The first line on standard input says that the configuration is in place.
set -u
directory=$1
PATH=$PATH:/usr/sbin:/sbin

stop() {
  [ -f "$directory/queue/pid/master.pid" ] || return 0
  master=$(tr -d ' ' <"$directory/queue/pid/master.pid")
  kill "$master" 2>/dev/null
  # master leads the session of all its daemons; those that have ended but that init has not collected don't count.
  tries=0
  while ps -o stat= -g "$master" | grep -q '^[^Z]'; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || kill -9 "-$master" 2>/dev/null
    [ "$tries" -lt 200 ] || break
    sleep 0.05
  done
}

start() {
  mkdir -p "$directory/queue" "$directory/data" "$directory/log"
  chown postfix "$directory/data"
  postfix -c "$directory/etc" start >"$directory/start.log" 2>&1 && return
  cat "$directory/start.log" >&2
  # Postfix's commands explain a broken main.cf on a terminal only; script(1) gives them one.
  script --quiet --command "postfix -c '$directory/etc' check" /dev/null </dev/null >&2
  [ ! -e "$directory/log/mail.log" ] || cat "$directory/log/mail.log" >&2
  return 1
}

status=0
if read -r _; then
  if start; then
    echo ready
    cat >/dev/null
  else
    status=1
  fi
fi
stop
rm -rf "$directory"
exit "$status"
