# The process that leads is killed (SIGKILL) while 500 claims arrive.
arrive e2e-kill
before=$(restarts)
kill_leader
arrived
if [[ $killed ]]; then
  expect "the restarts" $((before + 1)) "$(restarts)"
  # Whoever comes next finds pods that were never restarted.
  ours delete pod "$led" > /dev/null
fi
settled
