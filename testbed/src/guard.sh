# What stands between a holder (the Rust side) and a process it answers for.
# It must not know what the process is, nor write anywhere but its own streams.
#
#   run SECONDS CMD ARGS…   start CMD, print its pid, exit with its exit code
#   leash SECONDS PID       the same duties for a process that others started
#   sweep FOLDER            remove FOLDER
#
# Orders come on stdin, one a line, each answered by the same line once done:
# the name of a signal to send, or END to let go. When stdin ends, the holder is
# gone, however it went: the process is told to end, and after SECONDS made to.

# Only the process itself is signalled, by its pid, which cannot be another's:
# its parent has not collected it before it ends, and then nobody signals.
obey() {
  while read -r order; do
    [ "$order" = END ] && exit 0
    kill -s "$order" "$1"
    echo "$order"
  done
  kill -s TERM "$1"
  kill -s CONT "$1" # a stopped process would not hear the TERM
  left=$(($2 * 10))
  while [ "$left" -gt 0 ] && kill -s 0 "$1"; do
    sleep 0.1
    left=$((left - 1))
  done
  kill -s KILL "$1"
}

case $1 in
run)
  bound=$2
  shift 2
  # A background job is given no stdin of ours, so the orders get a name first.
  exec 3<&0 </dev/null
  "$@" >&2 3<&- &
  pid=$!
  echo "$pid"
  obey "$pid" "$bound" <&3 2>/dev/null &
  listener=$!
  # Only the listener keeps the pipes: who waits for an answer learns of the end.
  exec 3<&- >/dev/null
  wait "$pid"
  code=$?
  kill "$listener" 2>/dev/null
  exit "$code"
  ;;
leash)
  obey "$3" "$2" 2>/dev/null
  ;;
sweep)
  while read -r order; do
    case $order in
    END) exit 0 ;;
    NOW)
      rm -rf -- "$2"
      exit
      ;;
    esac
  done
  # The holder died; what it ran may still be ending, and writing.
  for pause in 0 1 2 4; do
    sleep "$pause"
    rm -rf -- "$2" 2>/dev/null
  done
  ;;
esac
